// The catalogue of texts, the chosen language, and numbers and dates as that language writes them.

const LOCALES = { id: "id-ID", en: "en-GB" };
const STORED = "kampungkb.language";

let texts = { messages: {}, names: {}, rules: {} };
let chosen = LOCALES[localStorage.getItem(STORED)] ? localStorage.getItem(STORED) : "id";

export function useWords(loaded) {
  texts = loaded;
}

export function language() {
  return chosen;
}

export function chooseLanguage(next) {
  chosen = next;
  localStorage.setItem(STORED, next);
}

function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** A message by its key. */
export function t(key, values = {}) {
  const found = texts.messages[key];
  return found ? filled(found[chosen], values) : key;
}

/** A message by its key, beginning with a capital. */
export function T(key, values) {
  const text = t(key, values);
  if (text.startsWith("iBangga")) return text;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What the methodology calls a dimension, category, sector, function or indicator. */
export function named(kind, id) {
  return texts.names[kind]?.[id]?.[chosen] ?? id ?? "–";
}

/** All ids of a kind with their names: [[id, name]]. */
export function namesOf(kind) {
  return Object.keys(texts.names[kind] ?? {}).map((id) => [id, named(kind, id)]);
}

/** The sentences of a rule, what to do, and the columns it speaks of. */
export function rule(id) {
  const found = texts.rules[id];
  if (!found) return { sentences: [], fix: null, columns: [] };
  return {
    sentences: found.sentences.map((sentence) => sentence[chosen]),
    fix: found.fix?.[chosen] ?? null,
    columns: found.columns,
  };
}

/** A sentence written `Indonesian / English`, in the chosen language; any other text stays as it is. */
export function halved(text) {
  const parts = text?.split(" / ") ?? [];
  return parts.length === 2 ? parts[chosen === "id" ? 0 : 1] : text;
}

const tools = new Map();

/** A tool of Intl in the chosen language, made once: making one costs far more than using it. */
function localised(kind, options) {
  const key = `${kind}|${chosen}|${JSON.stringify(options)}`;
  if (!tools.has(key)) tools.set(key, new Intl[kind](LOCALES[chosen], options));
  return tools.get(key);
}

export function number(value, decimals = 0) {
  if (value === null || value === undefined) return "–";
  return localised("NumberFormat", {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  }).format(value);
}

export function signed(value, decimals = 2) {
  if (value === null || value === undefined) return "–";
  return localised("NumberFormat", {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
    signDisplay: "exceptZero",
  }).format(value);
}

/** A share from 0 to 1 as a percentage. */
export function percent(share, decimals = 1) {
  if (share === null || share === undefined) return "–";
  return localised("NumberFormat", {
    style: "percent",
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  }).format(share);
}

/** A probability, with more digits near certainty. */
export function chance(probability) {
  return percent(probability, probability !== null && probability >= 0.995 ? 3 : 1);
}

export function date(value, length = "medium") {
  if (!value) return "–";
  const [year, month, day] = value.slice(0, 10).split("-").map(Number);
  return localised("DateTimeFormat", { dateStyle: length, timeZone: "UTC" }).format(
    Date.UTC(year, month - 1, day),
  );
}

export function instant(value) {
  if (!value) return "–";
  return localised("DateTimeFormat", {
    dateStyle: "medium",
    timeStyle: "short",
    timeZone: "Asia/Jakarta",
  }).format(new Date(value));
}

export function compare(left, right) {
  return localised("Collator").compare(String(left), String(right));
}
