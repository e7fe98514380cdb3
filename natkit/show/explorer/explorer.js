"use strict";
// The living part of the page: colours, legend, search, selection. A user's text reaches the page
// through textContent alone; sentences come from the words catalogue, as in Python.
(async () => {
  const SHOWN_PICTURES = 30, SHOWN_NAMES = 50;
  const PATHS = {
    circle: "M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12z", square: "M3 3h10v10H3z", triangle: "M8 2l6.5 11.5h-13z",
    diamond: "M8 1l5 7-5 7-5-7z", inverted_triangle: "M8 14L1.5 2.5h13z", plus: "M6 2h4v4h4v4h-4v4H6v-4H2V6h4z",
    star: "M8 1l2.1 4.6 5 .5-3.8 3.4 1.1 4.9L8 11.9l-4.4 2.5 1.1-4.9L.9 6.1l5-.5z",
  };
  const at = (id) => document.getElementById(id);
  const data = JSON.parse(at("data").textContent);
  const written = (value) => (typeof value === "number" ? value.toLocaleString("en") : value);
  const plain = (value) => String(Number.isInteger(value) ? value : Number(value.toPrecision(4)));  // a user's number
  const say = (key, values) => data.words[key].replace(/\{(\w+)(?::([^|}]*)\|([^}]*))?\}/g, (_, name, one, many) =>
    one === undefined ? written(values[name]) : values[name] === 1 ? one : many);
  const make = (tag, text, name) => Object.assign(document.createElement(tag), { textContent: text ?? "", className: name ?? "" });
  const box = (tag, name, ...inside) => { const made = make(tag, "", name); made.append(...inside); return made; };
  const picture = (i) => Object.assign(new Image(), {
    src: `data:image/webp;base64,${data.pictures[i]}`, alt: data.names[i], title: data.names[i],
  });
  const swatch = ({ marker, colour }) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS(svg.namespaceURI, "path");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", PATHS[marker]);
    path.setAttribute("fill", colour);
    svg.append(path);
    return svg;
  };

  await Bokeh.embed.embed_item(data.plot);
  const model = (name) => Bokeh.documents[0].get_model_by_name(name);
  const plot = model("plot"), points = model("points"), { x_range: X, y_range: Y } = plot;
  const { x, y } = points.data, n = data.names.length;
  const whole = [X.start, X.end, Y.start, Y.end];
  let column, groups;

  const isScale = () => "values" in column;
  const worded = (i) => isScale()
    ? (column.values[i] === null ? data.words.empty : plain(column.values[i]))
    : (column.labels[column.codes[i]] ?? column.missing);

  // What the legend lists, each with the dots that it holds: values by frequency, the rest, the missing.
  function grouped() {
    const codes = isScale() ? column.values.map((value) => (value === null ? -1 : 0)) : column.codes;
    const top = isScale() ? 1 : Math.min(column.labels.length, data.colours.length);
    const made = Array.from({ length: top + 2 }, (_, i) => ({
      name: i < top ? column.labels?.[i] : i === top ? say("other", { n: column.labels?.length - top }) : column.missing,
      marker: i < top ? data.markers[i] : "circle", colour: data.colours[i], size: data.size, members: [],
    }));
    Object.assign(made[top], { colour: data.other, size: data.size * 0.7 });
    Object.assign(made[top + 1], { colour: data.missing, size: data.size * 0.7 });
    codes.forEach((code, i) => made[code < 0 ? top + 1 : Math.min(code, top)].members.push(i));
    return made.filter((group) => group.members.length);
  }

  function shade(value) {
    const last = data.scale.length - 1, { low, high } = column;
    return data.scale[Math.round(Math.min(1, Math.max(0, (value - low) / (high - low || 1))) * last)];
  }

  function recolour() {
    column = data.columns[at("colour").value];
    groups = grouped();
    const colour = Array(n), marker = Array(n), size = Array(n);
    for (const group of groups) {
      for (const i of group.members) [colour[i], marker[i], size[i]] = [group.colour, group.marker, group.size];
    }
    if (isScale()) column.values.forEach((value, i) => { if (value !== null) colour[i] = shade(value); });
    points.data = { x, y, colour, marker, size };
    at("column").replaceChildren(make("bdi", column.name));
    at("legend").replaceChildren(...(isScale() ? scaleLegend() : groups.map(key)));
    describe();
  }

  function key(group) {
    const made = box("button", "key", swatch(group), make("bdi", group.name), make("span", written(group.members.length), "num"));
    made.type = "button";
    made.addEventListener("click", () => select(group.members));
    return made;
  }

  function scaleLegend() {
    const known = column.values.filter((value) => value !== null);
    const bar = make("div", "", "bar");
    bar.style.background = `linear-gradient(to right, ${data.scale.join(",")})`;
    const less = Math.min(...known) < column.low ? "≤ " : "", more = Math.max(...known) > column.high ? "≥ " : "";
    const ends = box("div", "ends", make("span", less + plain(column.low)), make("span", more + plain(column.high)));
    const rows = [bar, ends, make("p", say("known", { n: known.length }), "quiet")];
    if (known.length < n) {
      const row = box("div", "share quiet", swatch({ marker: "circle", colour: data.missing }), make("span", say("unknown", { n: n - known.length })));
      rows.push(row);
    }
    return rows;
  }

  // How the selected dots spread over the values of the colour column.
  function shares(chosen) {
    if (isScale()) {
      const known = chosen.map((i) => column.values[i]).filter((value) => value !== null).sort((a, b) => a - b);
      if (!known.length) return [];
      const [low, middle, high] = [known[0], known[Math.floor((known.length - 1) / 2)], known.at(-1)].map(plain);
      return [make("span", say("range", { column: column.name, low, middle, high }))];
    }
    const inside = new Set(chosen);
    const counted = groups.map((group) => [group, group.members.filter((i) => inside.has(i)).length]);
    return counted.filter(([, k]) => k).map(([group, k]) =>
      box("div", "share", swatch(group), make("bdi", group.name), make("span", say("share", { n: k, total: group.members.length }))));
  }

  function describe() {
    const chosen = [...points.selected.indices].sort((a, b) => a - b), k = chosen.length;
    at("count").textContent = k ? say("selected", { n: k, total: n }) : data.words.none;
    at("shares").replaceChildren(...shares(chosen));
    at("gallery").replaceChildren();
    at("names").replaceChildren();
    if (k && data.pictures.length) {
      const some = chosen.slice(0, SHOWN_PICTURES);
      at("gallery").append(make("h3", say("pictures", { n: some.length, total: k })), box("div", "pictures", ...some.map(picture)));
    }
    if (k) {
      const some = chosen.slice(0, SHOWN_NAMES).map((i) => box("li", "", make("bdi", data.names[i])));
      at("names").append(make("h3", say("names", { n: some.length, total: k })), box("ul", "files", ...some));
      if (k > some.length) at("names").append(make("p", say("more", { n: k - some.length }), "quiet"));
    }
  }

  function select(indices, message = "") {
    points.selected.indices = indices;
    at("found").textContent = message;
  }

  function search() {
    const text = at("search").value, wanted = text.toLowerCase();
    if (!text) return select([]);
    const hits = data.lowered.flatMap((name, i) => (name.includes(wanted) ? [i] : []));
    return select(hits, say("found", { n: hits.length, text }));
  }

  function nearest(indices, { sx, sy }) {
    const away = (i) => (seat(i)[0] - sx) ** 2 + (seat(i)[1] - sy) ** 2;
    return indices.length ? indices.reduce((best, i) => (away(i) < away(best) ? i : best)) : null;
  }

  const seat = (i) => [
    (x[i] - X.start) / (X.end - X.start) * plot.inner_width, (Y.end - y[i]) / (Y.end - Y.start) * plot.inner_height,
  ];

  function tip(i) {
    at("tip").hidden = i === null;
    if (i === null) return;
    const [cluster] = data.columns, rows = [make("b", data.names[i]), make("div", cluster.labels[cluster.codes[i]] ?? cluster.missing)];
    if (column !== cluster) rows.push(make("div", say("value", { column: column.name, value: worded(i) })));
    at("tip").replaceChildren(...(data.pictures.length ? [picture(i)] : []), ...rows);
    const [left, top] = seat(i), { offsetWidth: wide, offsetHeight: tall } = at("tip");
    at("tip").style.left = `${left + 14 + wide < plot.inner_width ? left + 14 : Math.max(0, left - wide - 14)}px`;
    at("tip").style.top = `${Math.max(4, Math.min(top - tall / 2, plot.inner_height - tall - 4))}px`;
  }

  function use(tool) {
    model(tool).active = true;
    for (const name of ["lasso", "box", "move"]) at(name).setAttribute("aria-pressed", name === tool);
  }

  data.lowered = data.names.map((name) => name.toLowerCase());
  data.columns.forEach((each, i) => at("colour").append(new Option(each.name, i)));
  at("colour").addEventListener("change", recolour);
  at("search").addEventListener("input", search);
  at("whole").addEventListener("click", () => { [X.start, X.end, Y.start, Y.end] = whole; });
  at("clear").addEventListener("click", () => { at("search").value = ""; select([]); });
  for (const name of ["lasso", "box", "move"]) at(name).addEventListener("click", () => use(name));
  points.selected.properties.indices.change.connect(() => { at("found").textContent = ""; describe(); });
  points.inspect.connect(([, { geometry }]) => tip(nearest(points.inspected.indices, geometry)));
  recolour();
  use("lasso");
})();
