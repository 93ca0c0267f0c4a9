// Follows a user's jobs until all of them are completed or failed.

import { ask, browserSleep, parts, type Surroundings } from "./polling.js";

export interface Job {
  status: "queued" | "processing" | "completed" | "failed";
  progress: number;
  result_url: string | null;
  error: string | null;
}

export interface JobMonitorOptions extends Partial<Surroundings> {
  baseUrl: string;
  token: string;
  jobIds: readonly string[];
  onUpdate: (jobId: string, job: Job) => void;
}

const pace = 2000;

const isFinal = (job: Job): boolean => job.status === "completed" || job.status === "failed";

const same = (a: Job | undefined, b: Job): boolean =>
  a !== undefined &&
  a.status === b.status &&
  a.progress === b.progress &&
  a.result_url === b.result_url &&
  a.error === b.error;

/** Resolves with the jobs, by the ID strings that were given, once all are final; rejects when the signal is aborted. */
export async function monitorJobs(options: JobMonitorOptions): Promise<Map<string, Job>> {
  const { baseUrl, token, jobIds, onUpdate, signal, sleep = browserSleep } = options;
  const jobs = new Map<string, Job>();
  const open = new Set(jobIds);
  while (open.size > 0) {
    let wait = pace;
    for (const job_ids of parts([...open])) {
      const reply = await ask<{ jobs: Record<string, Job> }>(
        `${baseUrl}/v1/ai/jobs/batch-status`, { job_ids }, token, pace, signal,
      );
      if (typeof reply === "number") {
        wait = reply;
        break;
      }
      wait = reply.pollAfter;
      for (const id of job_ids) {
        const job = reply.body.jobs[id];
        if (job === undefined) continue; // not there yet
        if (!same(jobs.get(id), job)) onUpdate(id, job);
        jobs.set(id, job);
        if (isFinal(job)) open.delete(id);
      }
    }
    if (open.size > 0) await sleep(wait);
  }
  return jobs;
}
