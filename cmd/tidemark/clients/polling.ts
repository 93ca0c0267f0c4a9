// What both clients share: one polite request, and the pace between two.

/** What a client needs of its surroundings; in a browser all of it is there. */
export interface Surroundings {
  /** Waits that many milliseconds. */
  sleep: (milliseconds: number) => Promise<void>;
  signal: AbortSignal | undefined;
}

export const browserSleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The service refused, and would refuse again. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    problem: string,
  ) {
    super(`the service answered ${status}: ${problem}`);
    this.name = "Refused";
  }
}

export interface Reply<T> {
  body: T;
  position: string | null;
  /** How long the service asks to wait before the next poll. */
  pollAfter: number;
}

function seconds(headers: Headers, name: string): number | undefined {
  const value = headers.get(name);
  return value !== null && /^\d+$/.test(value) ? Number(value) * 1000 : undefined;
}

/**
 * Posts a JSON body and returns the reply, or, when the service cannot answer
 * just now, how many milliseconds to wait before asking again. Throws Refused
 * when asking again is of no use.
 */
export async function ask<T>(
  url: string,
  body: unknown,
  token: string | undefined,
  pace: number,
  signal: AbortSignal | undefined,
): Promise<Reply<T> | number> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
  try {
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body), signal: signal ?? null });
    if (response.ok) {
      return {
        body: (await response.json()) as T,
        position: response.headers.get("Tidemark-Position"),
        pollAfter: seconds(response.headers, "Tidemark-Poll-After") ?? pace,
      };
    }
    const problem = await response.text();
    if (response.status !== 429 && response.status < 500) throw new Refused(response.status, problem);
    return seconds(response.headers, "Retry-After") ?? pace;
  } catch (error) {
    if (error instanceof Refused || signal?.aborted) throw error;
    return pace; // the network is away; it may come back
  }
}

/** Cuts a list into parts that one batch request may have. */
export function* parts<T>(list: readonly T[], size = 1000): Generator<T[]> {
  for (let i = 0; i < list.length; i += size) yield list.slice(i, i + size);
}
