// Keeps the view and like counts on a page fresh. The page marks what belongs
// to a video with data-video-id, and inside it the places for the counts with
// data-count="views" and data-count="likes".

import { ask, browserSleep, parts, type Surroundings } from "./polling.js";

/** The part of a document that is used, so that any page will do. */
export interface Page {
  querySelectorAll(selector: string): Iterable<VideoElement>;
}

export interface VideoElement {
  getAttribute(name: string): string | null;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  querySelector(selector: string): { textContent: string | null } | null;
}

interface Counts {
  view_count: number;
  like_count: number;
}

interface Metadata {
  videos: Record<string, Counts>;
  removed?: string[];
  reset?: boolean;
}

export interface ViewCounterOptions extends Partial<Surroundings> {
  baseUrl: string;
  page?: Page;
}

const pace = 5000;

export class ViewCounter {
  #position: string | undefined;
  #known = new Set<string>();

  constructor(private readonly options: ViewCounterOptions) {}

  /** Polls until the signal is aborted. */
  async run(): Promise<void> {
    const { signal, sleep = browserSleep } = this.options;
    while (!signal?.aborted) {
      let wait: number;
      try {
        wait = await this.poll();
      } catch (error) {
        if (signal?.aborted) return; // that was the request under way
        throw error;
      }
      await sleep(wait);
    }
  }

  /** Asks once, shows what came, and returns how long to wait before the next time. */
  async poll(): Promise<number> {
    const { baseUrl, signal, page = document } = this.options;
    const elements = collect(page);
    const ids = [...elements.keys()];
    // What has been scrolled in has no counts yet, changed or not.
    const since = ids.every((id) => this.#known.has(id)) ? this.#position : undefined;
    let position: string | undefined;
    let wait = pace;
    for (const video_ids of parts(ids)) {
      const body = since === undefined ? { video_ids } : { video_ids, since };
      const reply = await ask<Metadata>(`${baseUrl}/v1/videos/batch-metadata`, body, undefined, pace, signal);
      if (typeof reply === "number") return reply; // the position stays: nothing is missed
      show(elements, video_ids, reply.body, since === undefined);
      // The oldest of several answers is what all of them hold.
      position ??= reply.position ?? undefined;
      wait = reply.pollAfter;
    }
    this.#position = position;
    this.#known = new Set(ids);
    return wait;
  }
}

/** The elements of each ID, by the very string that stands on the page. */
function collect(page: Page): Map<string, VideoElement[]> {
  const elements = new Map<string, VideoElement[]>();
  for (const element of page.querySelectorAll("[data-video-id]")) {
    const id = element.getAttribute("data-video-id");
    if (id === null) continue;
    const others = elements.get(id);
    if (others === undefined) elements.set(id, [element]);
    else others.push(element);
  }
  return elements;
}

function show(elements: Map<string, VideoElement[]>, asked: string[], answer: Metadata, full: boolean): void {
  for (const [id, counts] of Object.entries(answer.videos)) {
    for (const element of elements.get(id) ?? []) {
      element.removeAttribute("hidden");
      write(element, "views", counts.view_count);
      write(element, "likes", counts.like_count);
    }
  }
  // In a full answer what is gone is what is not there.
  const gone = full || answer.reset ? asked.filter((id) => !(id in answer.videos)) : (answer.removed ?? []);
  for (const id of gone) {
    for (const element of elements.get(id) ?? []) element.setAttribute("hidden", "");
  }
}

function write(element: VideoElement, name: string, count: number): void {
  const place = element.querySelector(`[data-count="${name}"]`);
  const text = String(count);
  if (place !== null && place.textContent !== text) place.textContent = text;
}
