import { createInterface } from "node:readline";

/** What a process of a measurement can do, by name. */
export type Actions<Message> = Readonly<Record<string, (message: Message) => Promise<object>>>;

/** Does what lines of JSON on standard input say, and answers each with a line on standard output. @param ended is called when there are no more */
export function answerLines<Message extends { readonly do: string }>(actions: Actions<Message>, ended: () => void): void {
  createInterface({ input: process.stdin }).on("line", (line) => {
    const message = JSON.parse(line) as Message;
    const action = actions[message.do];
    void (action === undefined ? Promise.reject(new Error(`cannot ${message.do}`)) : action(message))
      .catch((error: unknown) => ({ error: String(error) }))
      .then((answer) => process.stdout.write(`${JSON.stringify(answer)}\n`));
  });
  process.stdin.on("end", ended);
}
