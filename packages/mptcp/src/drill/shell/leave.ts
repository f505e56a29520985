/** That a command ends more than itself: a loop, a function, the shell. */
export class Leave extends Error {
  readonly what: "exit" | "return" | "break" | "continue";
  readonly status: number;
  /** How many loops. */
  readonly levels: number;

  constructor(what: "exit" | "return" | "break" | "continue", status: number, levels = 1) {
    super(what);
    this.what = what;
    this.status = status;
    this.levels = levels;
  }
}
