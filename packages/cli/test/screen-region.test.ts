import pc from "picocolors";
import { describe, expect, it } from "vitest";
import { cutTo, ScreenRegion, widthOf } from "../src/screen-region.ts";
import { transferLines, transferRows } from "../src/transfer-rows.ts";
import type { SubflowRecord } from "../src/subflow-ledger.ts";
import { Screen } from "./screen.ts";

/** A terminal of a size that may change, and what it shows. */
function terminal(columns: number, rows: number) {
  const screen = new Screen(columns, rows);
  const output = { columns, rows, colors: pc.createColors(false), write: (text: string): void => void screen.write(text) };
  return { screen, output };
}

const subflow = (id: number, changes: Partial<SubflowRecord> = {}): SubflowRecord =>
  ({ id, localAddress: `127.0.0.${id}`, remoteAddress: "127.0.0.9", bytesSent: 1_000_000 * id, bytesReceived: 0, rtt: 1_234_567.8, backup: false, down: null, ...changes }) as SubflowRecord;

describe("a region of a terminal", () => {
  it("is drawn in its place, below what was there", () => {
    const { screen, output } = terminal(20, 10);
    output.write("before\n");
    const region = new ScreenRegion(output);
    region.draw(["one", "two", "three"]);
    region.draw(["1", "2"]);
    expect(screen.text).toEqual(["before", "1", "2"]);
    region.clear();
    output.write("after\n");
    expect(screen.text).toEqual(["before", "after"]);
  });

  it("is cut to the columns and to the rows, colours not counted", () => {
    const { screen, output } = terminal(10, 4);
    const colors = pc.createColors(true);
    const region = new ScreenRegion(output);
    for (let time = 0; time < 3; time++) region.draw([colors.red("0123456789012"), "b", "c", "d", "e"]);
    expect(screen.text).toEqual(["012345678", "b", "... and 3"]);
    expect(cutTo(colors.red("abcdef"), 3)).toBe(colors.red("abc"));
    expect(widthOf(colors.red("abc"))).toBe(3);
  });

  it("takes away all of itself where the terminal was made narrower meanwhile", () => {
    const { screen, output } = terminal(40, 10);
    output.write("before\n");
    const region = new ScreenRegion(output);
    region.draw(["a".repeat(35), "b".repeat(10)]);
    screen.narrow(20);
    output.columns = 20;
    region.draw(["a".repeat(35), "b".repeat(10)]);
    expect(screen.text).toEqual(["before", "a".repeat(19), "b".repeat(10)]);
  });
});

describe("a transfer at 80 columns", () => {
  const status = { time: 1, bytes: 10_000_000, size: 1_000_000_000, subflows: [subflow(1), subflow(2, { down: "ETIMEDOUT" }), subflow(3, { backup: true }), subflow(4)] };

  it("has a row for each subflow, those that are there first", () => {
    const { screen, output } = terminal(80, 24);
    const view = transferRows(output, 0);
    view.update({ ...status, time: 0.5, bytes: 1 });
    view.update(status);
    expect(screen.text).toEqual([
      "9.54 MiB of 954 MiB | 80 Mb/s | 1:39 min left",
      "  127.0.0.1 > 127.0.0.9     8 Mb/s   977 KiB  rtt 1.2 ms",
      "  127.0.0.3 > 127.0.0.9    24 Mb/s  2.86 MiB  rtt 1.2 ms    backup",
      "  127.0.0.4 > 127.0.0.9    32 Mb/s  3.81 MiB  rtt 1.2 ms",
      "  127.0.0.2 > 127.0.0.9       down  1.91 MiB  rtt 1.2 ms",
    ]);
    view.clear();
    expect(screen.text).toEqual([]);
  });

  it("shows both ends of long addresses, and says what has no room", () => {
    const { screen, output } = terminal(80, 4);
    const long = { localAddress: "2001:db8:1111:2222:3333:4444:5555:6666", remoteAddress: "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff" };
    transferRows(output, 0).update({ ...status, subflows: [1, 2, 3, 4].map((id) => subflow(id, long)) });
    expect(screen.text.slice(1)).toEqual(["  2001:db8:1111:22..c:dddd:eeee:ffff     8 Mb/s   977 KiB  rtt 1.2 ms", "... and 3 more"]);
  });

  it("is lines that stay where there is no terminal", () => {
    let text = "";
    const view = transferLines({ columns: 0, colors: pc.createColors(false), write: (more) => (text += more) }, 0);
    view.update(status);
    view.clear();
    expect(text).toBe(
      "9.54 MiB of 954 MiB | 80 Mb/s | 1:39 min left | 127.0.0.1 > 127.0.0.9 8 Mb/s 977 KiB rtt 1.2 ms | 127.0.0.3 > 127.0.0.9 24 Mb/s 2.86 MiB rtt 1.2 ms backup" +
        " | 127.0.0.4 > 127.0.0.9 32 Mb/s 3.81 MiB rtt 1.2 ms | 127.0.0.2 > 127.0.0.9 down 1.91 MiB rtt 1.2 ms\n",
    );
  });
});
