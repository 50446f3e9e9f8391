// The files on their way: a few are sent at a time, a server that is full is asked again, all are looked after together.

import * as api from "/page/api.js";

const AT_ONCE = 2; // uploads
const LOOKS = 400; // ms between two looks at what the server does
const MOST_PAUSE = 15; // s that a full server is left alone
const ASKED = 200; // jobs in one question
export const ENDED = ["done", "failed", "cancelled"];

/** So many seconds, or until it is aborted. */
function pause(seconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

export class Queue {
  /** `changed(item)` is told of every change of one, `changed(null)` of the list. */
  constructor(changed) {
    this.changed = changed;
    this.items = [];
    this.sending = 0;
    this.timer = null;
  }

  /** Files, each to be mended as `fields` say; the items that they are from now on. */
  add(files, fields) {
    const items = files.map((file) => this.itemOf(file, fields));
    this.items.push(...items);
    this.changed(null);
    this.send();
    return items;
  }

  itemOf(file, fields) {
    return { file, name: file.name, fields, state: "waiting", share: 0, job: null, id: null, error: null, abort: new AbortController() };
  }

  /** Send what waits, a few at a time and in order. */
  send() {
    while (this.sending < AT_ONCE) {
      const item = this.items.find((other) => other.state === "waiting");
      if (!item) return;
      this.sending++;
      this.upload(item).finally(() => {
        this.sending--;
        this.send();
      });
    }
  }

  async upload(item) {
    item.state = "uploading";
    this.changed(item);
    while (!item.abort.signal.aborted) {
      try {
        const progress = (share) => {
          item.share = share;
          this.changed(item);
        };
        item.id = (await api.submit(item.file, item.fields, progress, item.abort.signal)).id;
        if (item.abort.signal.aborted) return void api.remove(item.id).catch(() => {});
        item.state = "queued";
        item.share = 0;
        this.changed(item);
        this.look();
        return;
      } catch (error) {
        if (item.abort.signal.aborted) return;
        if (error.status !== 429) return this.failed(item, error.message);
        item.share = 0;
        item.state = "waiting for room";
        this.changed(item);
        await pause(Math.min(MOST_PAUSE, error.retryAfter || 1), item.abort.signal);
        item.state = item.state === "waiting for room" ? "uploading" : item.state;
      }
    }
  }

  failed(item, reason) {
    item.state = "failed";
    item.error = reason;
    this.changed(item);
  }

  /** Ask, as long as anything is under way. */
  look() {
    this.timer ??= setTimeout(async () => {
      this.timer = null;
      const busy = this.items.filter((item) => item.id && ["queued", "running"].includes(item.state)).slice(0, ASKED);
      if (!busy.length) return;
      try {
        const found = new Map((await api.jobs(busy.map((item) => item.id))).map((job) => [job.id, job]));
        for (const item of busy) this.takeIn(item, found.get(item.id));
      } catch (error) {
        if (error.status === 401) for (const item of busy) this.failed(item, error.message);
      }
      this.look();
    }, LOOKS);
  }

  takeIn(item, job) {
    if (["removed", "cancelled"].includes(item.state)) return;
    if (!job) return this.failed(item, "the server does not know it any more");
    const before = JSON.stringify(item.job);
    item.job = job;
    item.state = job.state;
    item.share = job.progress;
    item.error = job.error;
    if (JSON.stringify(job) !== before) this.changed(item);
  }

  /** Give one up that is under way. */
  cancel(item) {
    if (ENDED.includes(item.state)) return;
    item.state = "cancelled";
    item.abort.abort();
    if (item.id) api.remove(item.id).catch(() => {});
    this.changed(item);
  }

  /** Its time on the server is over. */
  lost(item) {
    if (item.state === "done") this.failed(item, "its time on the server is over; it can be mended again");
  }

  /** Forget one, here and on the server. */
  remove(item) {
    if (item.id && item.state !== "cancelled") api.remove(item.id).catch(() => {});
    item.abort.abort();
    item.state = "removed";
    this.items = this.items.filter((other) => other !== item);
    this.changed(null);
  }
}
