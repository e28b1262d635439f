/// The page at `/`: devices with their resources, contents, faults and requests, and a form to set `engine_fetch`. Everything
/// that it shows is put in as text, never as markup.
let consolePage = #"""
    <!doctype html>
    <html lang="en">
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>murano-sandbox</title>
    <style>
    body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
    table { border-collapse: collapse; width: 100%; }
    th, td { border-bottom: 1px solid #ccc; padding: .3rem .5rem; text-align: left; vertical-align: top; }
    td.value { font-family: ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
    textarea { width: 100%; font-family: ui-monospace, monospace; }
    #message { color: #a00; }
    @media (prefers-color-scheme: dark) { body { background: #111; color: #ddd; } #message { color: #f88; } }
    </style>
    <h1>murano-sandbox <small id="product"></small></h1>
    <p id="message" role="status"></p>
    <p id="listeners"></p>
    <h2>Device</h2>
    <form id="add"><label>New device <input name="identity" required></label> <button>Add</button></form>
    <p><label>Device <select id="device"></select></label> <span id="state"></span></p>
    <table><thead><tr><th>Resource<th>Reported<th>Set<th>Time</thead><tbody id="resources"></tbody></table>
    <form id="fetch">
    <p><label>engine_fetch <textarea name="value" rows="6"></textarea></label></p>
    <button>Set</button>
    </form>
    <h2>Content</h2>
    <table><thead><tr><th>Name<th>Size<th>Type<th>Updated</thead><tbody id="content"></tbody></table>
    <h2>Faults</h2>
    <table><thead><tr><th>Id<th>Kind<th>How</thead><tbody id="faults"></tbody></table>
    <h2>Requests</h2>
    <table><thead><tr><th>Time<th>Device<th>Status<th>Body<th>Sent<th>Range<th>Request</thead><tbody id="log"></tbody></table>
    <script>
    "use strict";
    const element = id => document.getElementById(id);
    const path = (...parts) => "/sandbox/v1/" + parts.map(encodeURIComponent).join("/");
    const time = us => us ? new Date(us / 1000).toLocaleString() : "";
    const latest = [];
    async function call(method, url, body) {
      const answer = await fetch(url, {method, body});
      if (!answer.ok) throw new Error((await answer.text()) || "status " + answer.status);
      return answer;
    }
    const load = async url => (await call("GET", url)).json();
    function fill(id, rows) {
      element(id).replaceChildren(...rows.map(cells => {
        const row = document.createElement("tr");
        for (const cell of cells) {
          const field = row.insertCell();
          field.className = "value";
          field.textContent = cell ?? "null";
        }
        return row;
      }));
    }
    async function refresh() {
      const select = element("device"), chosen = select.value;
      const devices = await load(path("devices"));
      select.replaceChildren(...devices.map(device => new Option(device.id)));
      if (devices.some(device => device.id === chosen)) select.value = chosen;
      const device = devices.find(device => device.id === select.value);
      element("state").textContent = device
        ? device.state + (device.last_contact ? ", last contact " + time(device.last_contact) : "") : "";
      const resources = device ? await load(path("devices", device.id, "resources")) : {};
      fill("resources", Object.entries(resources).map(([name, r]) => [name, r.reported, r.set, time(r.timestamp)]));
      fill("content", (await load(path("content"))).map(c => [c.name, c.size, c.type, time(c.updated * 1e6)]));
      const how = fault => Object.entries(fault)
        .filter(([name, value]) => !["id", "kind"].includes(name) && value !== null && String(value) !== "")
        .map(([name, value]) => name + "=" + value).join(" ");
      fill("faults", (await load(path("faults"))).map(fault => [fault.id, fault.kind, how(fault)]));
      latest.push(...await load(path("log") + "?limit=100000&after=" + (latest.at(-1)?.id ?? 0)));
      latest.splice(0, latest.length - 100);
      fill("log", latest.slice().reverse().map(r =>
        [time(r.time), r.device ?? "", r.status, r.request_bytes, r.sent_bytes, r.range ?? "", r.method + " " + r.path]));
    }
    async function attempt(action) {
      try { await action(); element("message").textContent = ""; }
      catch (error) { element("message").textContent = error.message; }
    }
    element("add").onsubmit = event => {
      event.preventDefault();
      attempt(async () => { await call("PUT", path("devices", event.target.identity.value)); await refresh(); });
    };
    element("fetch").onsubmit = event => {
      event.preventDefault();
      const url = path("devices", element("device").value, "resources", "engine_fetch");
      attempt(async () => { await call("PUT", url, event.target.value.value); await refresh(); });
    };
    element("device").onchange = () => attempt(refresh);
    attempt(async () => {
      const about = await load(path("product"));
      element("product").textContent = about.product;
      element("listeners").textContent = ["mqtt", "mqtts"].filter(name => about[name])
        .map(name => name + "://" + location.hostname + ":" + about[name]).join(", ");
      await refresh();
    });
    setInterval(() => attempt(refresh), 3000);
    </script>
    </html>

    """#
