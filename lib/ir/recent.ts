/** A map that keeps what was asked for last. */
export class Recent<K, V> {
  private readonly most: number;
  /** In the order of last use. */
  private readonly entries = new Map<K, V>();

  /** `most`: with more entries than that, the one that was not asked for for longest goes. */
  constructor(most: number) {
    this.most = most;
  }

  get size(): number {
    return this.entries.size;
  }

  /** The value of a key; made when it is not there. */
  get(key: K, make: () => V): V {
    let value = this.entries.get(key);
    if (value === undefined) value = make();
    else this.entries.delete(key);
    this.entries.set(key, value);
    const [oldest] = this.entries.keys();
    if (this.entries.size > this.most) this.entries.delete(oldest);
    return value;
  }
}
