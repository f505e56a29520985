/** What is to be known of a class whose objects are saved, beside its fields, which are found in the objects themselves. */
export interface SavedClass {
  /** Its name in saved graphs: part of their format. */
  readonly name: string;
  readonly type: { readonly prototype: object };
  /**
   * Where its objects keep times of the driver's clock, which is another one where they are restored: fields, and in them by dots what collections
   * hold: `times.*` is every element of an array or value of a map, `records.*.retryAt` a field of each. Zero, infinity and what is negative are no times.
   */
  readonly times?: readonly string[];
  /** The field with the number that the connection has on its host: it has another one where that is in use. */
  readonly number?: string;
  /** Fields that are not saved, and what they are to be in a restored object: a number, a truth value, or `[]` for an array of its own. */
  readonly fresh?: Readonly<Record<string, number | boolean | null | readonly []>>;
}

/** A class of objects without anything special about them. */
export function saved(name: string, type: SavedClass["type"], more: Omit<SavedClass, "name" | "type"> = {}): SavedClass {
  return { name, type, ...more };
}

/** Classes by name and by prototype. */
export class ClassTable {
  private readonly names = new Map<string, SavedClass>();
  private readonly prototypes = new Map<object, SavedClass>();

  /** @throws RangeError when two have one name */
  constructor(classes: readonly SavedClass[]) {
    for (const one of classes) {
      if (this.names.has(one.name)) throw new RangeError(`two saved classes are called ${one.name}`);
      this.names.set(one.name, one);
      this.prototypes.set(one.type.prototype, one);
    }
  }

  get all(): readonly SavedClass[] {
    return Array.from(this.names.values());
  }

  named(name: string): SavedClass | null {
    return this.names.get(name) ?? null;
  }

  /** The class that `value` is directly of; null when it is not saved. */
  of(value: object): SavedClass | null {
    return this.prototypes.get(Object.getPrototypeOf(value) as object) ?? null;
  }
}
