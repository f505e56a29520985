import { expect, test } from "vitest";
import type { Limit } from "../../packages/mptcp/src/core/index.ts";
import { LIMITS, MINUTE, SECOND } from "../../packages/mptcp/src/core/index.ts";

/** A limit's number and what is counted, in words. */
function valueOf({ default: value, unit, what }: Limit): string {
  switch (unit) {
    case "ns":
      return `${value % MINUTE === 0 && value > MINUTE ? `${value / MINUTE} minutes` : `${value / SECOND} s`} ${what}`;
    case "factor":
      return `${value} times ${what}`;
    case "":
      return `${value} ${what}`;
  }
}

function page(): string {
  // What has a space in its name is a sentence, not an option.
  const rows = Object.values(LIMITS).map((limit: Limit) => `| ${limit.name.includes(" ") ? limit.name : `\`${limit.name}\``} | ${valueOf(limit)} | \`${limit.counter}\` | ${limit.beyond} |`);
  return `# Limits

What a host, a connection or a subflow holds or does at the most. The table is written by \`npm run docs\` from \`LIMITS\` (\`packages/mptcp/src/core/limits.ts\`), where
configurations take their defaults from; a test shows of each limit that it bites and that its counter moves. Counters with a prefix are the kernel's own
names (\`nstat\`); the others are ours.

| name | default | counter | what happens beyond |
|---|---|---|---|
${rows.join("\n")}
`;
}

// `npm run docs` writes it.
test("docs/limits.md is what the table of limits gives", async () => {
  await expect(page()).toMatchFileSnapshot("../../docs/limits.md");
});
