/** A service whose messages are octets. */
const asItIs = (bytes) => bytes;
const codec = { requestSerialize: asItIs, requestDeserialize: asItIs, responseSerialize: asItIs, responseDeserialize: asItIs };

export const definition = {
  echo: { path: "/program.Program/Echo", requestStream: true, responseStream: true, ...codec },
  ask: { path: "/program.Program/Ask", requestStream: false, responseStream: false, ...codec },
};
