// Runs one of the clients as a process: node run.js job-monitor|view-counter.
// Settings come as JSON in CLIENT_SETTINGS; what a user would see goes to
// standard output, a JSON object a line. The clock runs `speed` times as fast,
// and each wait is printed as it was asked for.

import { monitorJobs } from "./job-monitor.js";
import { ViewCounter, type Page, type VideoElement } from "./view-counter.js";

declare const process: {
  argv: string[];
  env: Record<string, string | undefined>;
  once(signal: "SIGTERM", listener: () => void): void;
};

interface Settings {
  baseUrl: string;
  token?: string;
  ids: string[];
  speed: number;
}

const settings = JSON.parse(process.env["CLIENT_SETTINGS"] ?? "") as Settings;
const print = (line: object): void => console.log(JSON.stringify(line));

const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

function sleep(milliseconds: number): Promise<void> {
  print({ wait: milliseconds });
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds / settings.speed);
    stop.signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

/** An element that prints what is written to it. */
class PrintingElement implements VideoElement {
  #places = new Map<string, { textContent: string | null }>();
  #hidden = false;

  constructor(
    private readonly element: number,
    private readonly id: string,
  ) {
    for (const count of ["views", "likes"]) {
      let text: string | null = null;
      this.#places.set(`[data-count="${count}"]`, {
        get textContent() { return text; },
        set textContent(value) { text = value; print({ element, id, [count]: value }); },
      });
    }
  }
  getAttribute(name: string): string | null { return name === "data-video-id" ? this.id : null; }
  setAttribute(name: string): void { if (name === "hidden") this.#hide(true); }
  removeAttribute(name: string): void { if (name === "hidden") this.#hide(false); }
  querySelector(selector: string): { textContent: string | null } | null { return this.#places.get(selector) ?? null; }
  #hide(hidden: boolean): void {
    if (hidden !== this.#hidden) print({ element: this.element, id: this.id, hidden });
    this.#hidden = hidden;
  }
}

switch (process.argv[2]) {
  case "job-monitor": {
    const jobs = await monitorJobs({
      baseUrl: settings.baseUrl, token: settings.token ?? "", jobIds: settings.ids, sleep, signal: stop.signal,
      onUpdate: (id, job) => print({ id, ...job }),
    });
    print({ final: jobs.size });
    break;
  }
  case "view-counter": {
    const elements = settings.ids.map((id, n) => new PrintingElement(n, id));
    const page: Page = { querySelectorAll: (selector) => (selector === "[data-video-id]" ? elements : []) };
    await new ViewCounter({ baseUrl: settings.baseUrl, page, sleep, signal: stop.signal }).run();
    print({ stopped: true });
    break;
  }
  default:
    throw new Error("say which client: job-monitor or view-counter");
}
