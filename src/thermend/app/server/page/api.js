// The server's API; docs/server.md has the same calls for other programs.

const BASE = "/api/v1";

export class Refused extends Error {
  constructor(status, message, retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

async function asked(path, options = {}) {
  const answer = await fetch(BASE + path, { credentials: "same-origin", ...options });
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Refused(answer.status, told.error || `the server answered ${answer.status}`, Number(answer.headers.get("Retry-After")) || 0);
  }
  return answer;
}

const json = async (path, options) => (await asked(path, options)).json();

export const session = () => json("/session");
export const methods = () => json("/methods");
export const palettes = () => json("/palettes");
export const formats = () => json("/formats");
export const resultAddress = (id) => `${BASE}/jobs/${id}/result`;
export const archiveAddress = (ids) => `${BASE}/archive?${ids.map((id) => `id=${id}`).join("&")}`;
export const jobs = (ids) => json(`/jobs?${ids.map((id) => `id=${id}`).join("&")}`);
export const remove = (id) => asked(`/jobs/${id}`, { method: "DELETE" });

export function logIn(token) {
  return asked("/session", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }) });
}

export async function pixels(id, side, frame) {
  return (await asked(`/jobs/${id}/pixels?side=${side}&frame=${frame}`)).arrayBuffer();
}

/** Send a file; `progress` is told the share that has gone. Returns {id}; rejects with Refused. `signal` aborts. */
export function submit(file, fields, progress, signal) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
    form.append("file", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", `${BASE}/jobs`);
    request.responseType = "json";
    request.upload.onprogress = (event) => progress(event.total ? event.loaded / event.total : 0);
    request.onload = () => {
      if (request.status === 202) resolve(request.response);
      else reject(new Refused(request.status, request.response?.error || `the server answered ${request.status}`, Number(request.getResponseHeader("Retry-After")) || 1));
    };
    request.onerror = () => reject(new Refused(0, "the server cannot be reached"));
    request.onabort = () => reject(new Refused(-1, "cancelled"));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
