// The way to the server. The token came with the address, behind "#", which no browser sends anywhere; it is kept for
// this tab alone, and shown with each request.

const KEPT = "token";

export class ServerError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Take the token, or the ticket for it, out of the address; then this tab begins anew. */
export async function enter() {
  const [, kind, value] = location.hash.match(/^#(token|ticket)=([\w-]+)$/) ?? [];
  if (kind) {
    history.replaceState(null, "", location.pathname);
    sessionStorage.clear();
  }
  if (kind === "token") sessionStorage.setItem(KEPT, value);
  if (kind === "ticket") sessionStorage.setItem(KEPT, (await ask("/api/enter", { ticket: value })).token);
  if (!sessionStorage.getItem(KEPT)) throw new ServerError("invalid_api_key", "");
}

/** The JSON that the server answers; `body` is posted. Throws ServerError, and AbortError by `signal`. */
export async function ask(path, body, signal) {
  const headers = { authorization: `Bearer ${sessionStorage.getItem(KEPT) ?? ""}` };
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  let response, value;
  try {
    response = await fetch(path, { ...options, headers, signal, cache: "no-store", credentials: "omit" });
    value = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServerError("gone", String(error));
  }
  if (!response.ok) throw new ServerError(value.error?.code ?? "", value.error?.message ?? `${response.status}`);
  return value;
}
