// A typed client of EcomAI for the server of a shop elsewhere (Node 18+, Deno, Bun, edge functions).
// Never load it into a page with a key in it: whoever has the key can do what it may.

export type Purpose = "analytics" | "personalization" | "marketing" | "security";
export type Table =
  | "categories" | "products" | "prices" | "stock" | "promotions" | "customers" | "orders" | "reviews";

/** Numbers may be texts, so that no cent is lost on the way. Times are ISO 8601 with a zone. */
export type Amount = number | string;

interface Versioned {
  /** When the shop changed it: an older version that comes late does not overwrite a newer one. */
  updated_at?: string;
  /** The row is gone from the shop. */
  deleted?: boolean;
}
export interface Category extends Versioned { id: string; name?: string; slug?: string; parent_id?: string | null }
/** What is left out stays as it is; null empties it. */
export interface Product extends Versioned {
  id: string;
  title?: string;
  parent_id?: string | null;
  sku?: string | null;
  description?: string | null;
  brand?: string | null;
  category_ids?: string[];
  price?: Amount | null;
  list_price?: Amount | null;
  cost?: Amount | null;
  currency?: string;
  stock?: Amount | null;
  image_url?: string | null;
  url?: string | null;
  is_active?: boolean;
  is_service?: boolean;
  attributes?: Record<string, unknown>;
  created_at?: string | null;
}
export interface Price { product_id: string; valid_from: string; price: Amount; list_price?: Amount; cost?: Amount; currency?: string }
export interface Stock { product_id: string; quantity: Amount; location?: string; updated_at?: string }
export interface Customer extends Versioned {
  id: string;
  first_seen?: string;
  last_seen?: string;
  attributes?: Record<string, unknown>;
  /** All that the customer has agreed to; an empty list withdraws it. */
  consent?: Purpose[];
}
export interface OrderLine { product_id: string; quantity: Amount; id?: string; title?: string; sku?: string; unit_price?: Amount; unit_cost?: Amount; discount?: Amount; tax?: Amount }
export interface ReturnLine { product_id: string; quantity: Amount; id?: string; line_id?: string; amount?: Amount; reason?: string; returned_at?: string }
/** An order is sent whole: a line that is left out is taken for removed. */
export interface Order extends Versioned {
  id: string;
  placed_at: string;
  lines: OrderLine[];
  returns?: ReturnLine[];
  customer_id?: string;
  number?: string;
  status?: "open" | "paid" | "shipped" | "delivered" | "cancelled" | "returned";
  currency?: string;
  total?: Amount;
  email?: string;
}
export interface Event {
  name: string;
  /** Required unless the customer's consent was sent with the customer. */
  consent?: Purpose[];
  id?: string;
  product_id?: string;
  customer_id?: string;
  visitor_id?: string;
  session_id?: string;
  order_id?: string;
  quantity?: Amount;
  value?: Amount;
  currency?: string;
  query?: string;
  /** The token of the recommended item that the event is about. */
  token?: string;
  at?: string;
  properties?: Record<string, unknown>;
}
export interface Gone { id: string; deleted: true; updated_at?: string }
export interface Rows {
  categories: Category | Gone;
  products: Product;
  prices: Price;
  stock: Stock;
  promotions: { id: string; starts_at: string; ends_at?: string; name?: string; kind?: string; percent?: Amount; amount?: Amount; product_ids?: string[]; category_ids?: string[] } | Gone;
  customers: Customer;
  orders: Order | Gone;
  reviews: { id: string; product_id: string; customer_id?: string; rating?: Amount; title?: string; text?: string; created_at?: string } | Gone;
}

export interface Verdict { row: number; status: "accepted" | "duplicate" | "rejected"; reason?: string; notes?: string[] }
export interface Delivered { rows: number; accepted: number; duplicate: number; rejected: number; verdicts: Verdict[] }
export interface Item {
  product_id: string; title: string; url: string; image_url: string; price: string | null; list_price: string | null;
  currency: string; in_stock: boolean; reason: string; reason_code: string; because_id: string; position: number; token: string;
}
export interface Carousel { strategy: string; title: string; recommendation_id: string; items: Item[] }
export interface Asked {
  customer_id?: string;
  visitor_id?: string;
  consent?: Purpose[];
  product?: string[];
  exclude?: string[];
  category?: string;
  strategy?: string;
  limit?: number;
}
/** The running reduction of a product: what the law wants beside its price. */
export interface LedgerLine {
  product_id: string; lowest: string | null; currency: string; price: string; list_price: string | null; began_at: string; known_since: string;
}
/** A token that holds a price; empty where there is none to hold. */
export interface Hold { product_id: string; token: string }
/** What a token promises; null when it is forged, of another product, too old or void. */
export interface Held { product_id: string; price: string | null; currency: string }

/** EcomAI has refused: `status` and the body say why. */
export class EcomaiError extends Error {
  readonly status: number;
  readonly answer: unknown;
  constructor(status: number, answer: unknown) {
    super(`EcomAI answered ${status}: ${JSON.stringify(answer)}`);
    this.status = status;
    this.answer = answer;
  }
}

export interface Options {
  /** How often a request is made in all, while nothing answers or the answer is "not now". */
  tries?: number;
  /** Milliseconds for which each of them may last: a delivery, and a question, which a page waits for. */
  sendTimeout?: number;
  askTimeout?: number;
  /** The longest pause between two, in milliseconds, whatever Retry-After says. */
  longestPause?: number;
}

export class Ecomai {
  readonly #base: string;
  readonly #key: string;
  readonly #options: Required<Options>;

  /** `base` is where the project includes EcomAI, e.g. "https://ai.example.com/ecomai". */
  constructor(base: string, key: string, options: Options = {}) {
    this.#base = base.replace(/\/+$/, "");
    this.#key = key;
    this.#options = { tries: 4, sendTimeout: 60_000, askTimeout: 2_000, longestPause: 30_000, ...options };
  }

  /** Send rows. Sent again after a failure they carry the same Idempotency-Key, so nothing is written twice. */
  send<T extends Table>(table: T, rows: Rows[T][], idempotencyKey: string = crypto.randomUUID()): Promise<Delivered> {
    return this.#deliver(table, rows, idempotencyKey);
  }

  /** Send what shoppers did. */
  track(events: Event[], idempotencyKey: string = crypto.randomUUID()): Promise<Delivered> {
    return this.#deliver("events", events, idempotencyKey);
  }

  /** The carousels of a placement: for everybody, or for one person who has agreed to personalization. */
  async recommendations(placement: string, asked: Asked = {}): Promise<Carousel[]> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(asked)) {
      if (name === "consent") query.set(name, (value as Purpose[]).join("."));
      else for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) query.append(name, String(one));
    }
    const path = `recommendations/${encodeURIComponent(placement)}/?${query}`;
    return ((await this.#ask("GET", path)) as { carousels: Carousel[] }).carousels;
  }

  /** The running reductions of up to 100 products; those that are not reduced are absent. */
  ledger(products: string[]): Promise<LedgerLine[]> {
    const query = new URLSearchParams(products.map((one) => ["product", one]));
    return this.#ask("GET", `ledger/?${query}`) as Promise<LedgerLine[]>;
  }

  /** Tokens that hold the prices just shown; a price that is left out is that of the copy. */
  async hold(rows: { product_id: string; price?: Amount; currency?: string }[]): Promise<Hold[]> {
    return ((await this.#question("holds/", rows)) as { rows: Hold[] }).rows;
  }

  /** What the tokens of a cart promise, in their order. */
  async held(rows: Hold[]): Promise<Held[]> {
    return ((await this.#question("holds/check/", rows)) as { rows: Held[] }).rows;
  }

  /** Asked by POST, as it is long: it writes nothing, so it is repeated as a question is. */
  #question(path: string, rows: readonly unknown[]): Promise<unknown> {
    return this.#ask("POST", path, JSON.stringify({ rows }), { "Content-Type": "application/json" }, true);
  }

  #deliver(address: string, rows: readonly unknown[], idempotencyKey: string): Promise<Delivered> {
    const body = rows.map((row) => JSON.stringify(row)).join("\n");
    const headers = { "Content-Type": "application/x-ndjson", "Idempotency-Key": idempotencyKey };
    return this.#ask("POST", `${address}/`, body, headers) as Promise<Delivered>;
  }

  async #ask(
    method: string, path: string, body?: string, more: Record<string, string> = {}, waits = method === "GET",
  ): Promise<unknown> {
    const { tries, sendTimeout, askTimeout, longestPause } = this.#options;
    const headers = { Authorization: `Bearer ${this.#key}`, Accept: "application/json", ...more };
    for (let attempt = 1; ; attempt++) {
      // A page waits for a question: soon again. Apart from each other, so that not all come back at once.
      let pause = (waits ? 50 : 500) * 2 ** attempt * (0.5 + Math.random());
      try {
        const signal = AbortSignal.timeout(waits ? askTimeout : sendTimeout);
        const answer = await fetch(`${this.#base}/api/ingest/${path}`, { method, body, headers, signal });
        if (answer.ok) return await answer.json();
        if (attempt >= tries || ![409, 429, 502, 503, 504].includes(answer.status)) {
          throw new EcomaiError(answer.status, await answer.json().catch(() => null));
        }
        pause = 1000 * Number(answer.headers.get("Retry-After")) || pause;
      } catch (error) {
        if (error instanceof EcomaiError || attempt >= tries) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, Math.min(pause, longestPause)));
    }
  }
}
