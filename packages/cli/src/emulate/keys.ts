/** What is typed at the terminal, key by key; nothing where there is none. */
export class Keys {
  readonly #pressed: (key: string) => void;
  readonly #isTyped = process.stdin.isTTY === true;

  /** @param pressed gets each key; Ctrl-C is the signal that it always is */
  constructor(pressed: (key: string) => void) {
    this.#pressed = pressed;
    if (!this.#isTyped) return;
    process.stdin.setRawMode(true);
    process.stdin.setEncoding("utf8").on("data", this.#hear);
  }

  close(): void {
    if (!this.#isTyped) return;
    process.stdin.off("data", this.#hear).pause();
    process.stdin.setRawMode(false);
  }

  readonly #hear = (text: string | Buffer): void => {
    for (const key of String(text)) {
      // In raw mode the terminal sends no signals.
      if (key === "\u0003") process.kill(process.pid, "SIGINT");
      else this.#pressed(key);
    }
  };
}
