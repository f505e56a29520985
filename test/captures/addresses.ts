import { addAddressHmac } from "./keys.ts";
import type { CaptureFacts, Problems } from "./report.ts";
import { framesInOrder } from "./subflows.ts";
import type { CapturedConnection } from "./subflows.ts";

/** ADD_ADDR and its echo, REMOVE_ADDR, MP_FASTCLOSE: what names addresses and keys after the handshake (RFC 8684 §3.4, §3.5). */
export function checkSignals(connection: CapturedConnection, problems: Problems, facts: CaptureFacts): void {
  const announced = new Set<string>();
  const echoed = new Set<string>();
  for (const { frame, host } of framesInOrder(connection)) {
    const where = `frame ${frame.number}`;
    const own = connection.keys[host].key;
    const other = connection.keys[1 - host]!.key;
    for (const option of frame.mptcp) {
      if (option.kind === "add-address") {
        const { addressId, address, echo, port, hmac } = option;
        const sender = echo ? 1 - host : host;
        const name = `${sender} ${addressId} ${address.toString("hex")} ${port}`;
        if (echo) {
          if (announced.has(name)) echoed.add(name);
          else problems.add("an echo of an address that nobody announced", where);
        } else if (hmac === null ? connection.keys[host].version === 0 : addAddressHmac(own, other, addressId, address, Math.max(0, port)).equals(hmac)) {
          announced.add(name);
          facts.announcements++;
        } else {
          problems.add("wrong HMAC in ADD_ADDR", where);
        }
      } else if (option.kind === "remove-address") {
        facts.addressesRemoved += option.addressIds.length;
      } else if (option.kind === "fastclose" && !option.receiverKey.equals(other)) {
        problems.add("wrong key in MP_FASTCLOSE", where);
      } else if (option.kind === "fail") {
        problems.add("MP_FAIL", where);
      }
    }
  }
  facts.addressesAnnounced += announced.size;
  facts.addressesEchoed += echoed.size;
}
