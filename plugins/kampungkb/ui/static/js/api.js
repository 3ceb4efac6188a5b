// Requests to the page's own routes and to Airflow's API, always to the server the page came from.

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function answer(response) {
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  const detail = typeof body?.detail === "string" ? body.detail : response.statusText;
  throw new Refused(response.status, detail);
}

/** Path and filled-in query of a route; empty values are left out. */
export function address(path, query = {}) {
  const filled = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const text = new URLSearchParams(filled).toString();
  return text ? `${path}?${text}` : path;
}

export async function get(path, query, signal) {
  return answer(await fetch(address(`api/${path}`, query), { signal, headers: { Accept: "application/json" } }));
}

function send(path, body) {
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  return fetch(`api/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
}

export async function post(path, body) {
  return answer(await send(path, body));
}

/** Asks for a file with a body that no address may hold, and saves it under `name`. */
export async function download(path, body, name) {
  const response = await send(path, body);
  if (!response.ok) return answer(response);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const DAG = "nightly_load";

/** The newest run of the nightly load as Airflow knows it, null where there is none or it may not be seen. */
export async function newestRun(signal) {
  try {
    const path = address(`../api/v2/dags/${DAG}/dagRuns`, { order_by: "-run_after", limit: 1 });
    const found = await answer(await fetch(path, { signal }));
    return found.dag_runs[0] ?? null;
  } catch (fault) {
    if (fault.name === "AbortError") throw fault;
    return null;
  }
}

/** Shows a page of Airflow: in the frame's parent, which navigates itself since the frame is not allowed to. */
export function openInAirflow(path) {
  const outer = window.parent === window ? window : window.parent;
  const base = outer === window ? new URL("../", location.href) : outer.document.baseURI;
  const link = outer.document.createElement("a");
  link.href = new URL(path, base).href;
  link.hidden = true;
  outer.document.body.append(link);
  link.click();
  link.remove();
}

export function runPath(runId) {
  return `dags/${DAG}/runs/${encodeURIComponent(runId)}`;
}
