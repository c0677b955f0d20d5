(() => {
  const page = document.body.dataset;
  const status = document.getElementById("live");
  const lists = new Map([...document.querySelectorAll("[data-list]")].map((section) => [section.dataset.list, section]));
  const rows = new Map([...document.querySelectorAll("tr[data-k]")].map((row) => [row.dataset.k, row]));
  const seconds = 1000;
  let at = page.at; // which changes the page has
  let source = null;
  let silence = 0;
  let again = 0;
  let filtered = false; // rows are hidden

  // parse returns the nodes of a text.
  const parse = (text) => {
    const holder = document.createElement("template");
    holder.innerHTML = text;
    return [...holder.content.children];
  };

  // key returns what makes a node the same one in another version of its part.
  const key = (node) => {
    if (node.nodeType !== Node.ELEMENT_NODE) {
      return node.nodeName;
    }
    const named = (element) => element?.id || element?.getAttribute("href") || element?.getAttribute("aria-labelledby") || element?.getAttribute("value") || "";
    return node.nodeName + " " + (named(node) || (node.localName === "li" && named(node.firstElementChild)));
  };

  // morphNodes makes the nodes in an element like those in another one. Nodes that are alike stay, and with them the focus, what is
  // open, and how far it is scrolled.
  const morphNodes = (old, wanted) => {
    let next = old.firstChild;
    for (const want of [...wanted.childNodes]) {
      let same = next;
      while (same !== null && key(same) !== key(want)) {
        same = same.nextSibling;
      }
      if (same === null) {
        old.insertBefore(want, next);
        continue;
      }
      while (next !== same) {
        const gone = next;
        next = next.nextSibling;
        gone.remove();
      }
      next = same.nextSibling;
      if (same.nodeType === Node.ELEMENT_NODE) {
        morph(same, want);
      } else if (same.data !== want.data) {
        same.data = want.data;
      }
    }
    while (next !== null) {
      const gone = next;
      next = next.nextSibling;
      gone.remove();
    }
  };

  // morph makes an element like another one. What the reader did stays: "open" of events, "hidden" of rows.
  const morph = (old, wanted) => {
    for (const { name } of [...old.attributes]) {
      if (!wanted.hasAttribute(name) && name !== "open" && name !== "hidden") {
        old.removeAttribute(name);
      }
    }
    for (const { name, value } of wanted.attributes) {
      if (old.getAttribute(name) !== value) {
        old.setAttribute(name, value);
      }
    }
    morphNodes(old, wanted);
  };

  // keepFocus does something, and gives the focus back: to the report if what had it is gone.
  const keepFocus = (what) => {
    const focused = document.activeElement;
    what();
    if (focused === null || focused === document.body || focused === document.activeElement) {
      return;
    }
    focused.focus({ preventScroll: true });
    if (focused !== document.activeElement) {
      document.getElementById("main").focus({ preventScroll: true });
    }
  };

  // takeParts replaces parts of the page.
  const takeParts = (text) => keepFocus(() => {
    for (const part of parse(text)) {
      const name = part.dataset.part;
      if (name === "title") {
        document.title = part.textContent;
        continue;
      }
      morphNodes(document.querySelector(`[data-part="${name}"]`), part);
    }
    refilter();
  });

  // refilter applies the filter, if there is one or was one.
  const refilter = () => {
    const active = [...form.elements].some((field) => field.value !== "");
    if (active || filtered) {
      filter();
    }
    filtered = active;
  };

  // place puts rows that have changed where they belong: in the order of the sorted column, else in that of the plan.
  const place = (body, changed) => {
    const head = body.parentNode.querySelector("th[aria-sort]");
    const order = head === null ? (a, b) => a - b : orderOf(head);
    const of = head === null ? (row) => row.dataset.k : (row) => value(row, head.cellIndex);
    const moving = new Set(changed);
    const others = [...body.rows].filter((row) => !moving.has(row));
    for (const row of changed) {
      const own = of(row);
      let from = 0;
      for (let to = others.length; from < to;) {
        const middle = (from + to) >> 1;
        if (order(of(others[middle]), own) <= 0) {
          from = middle + 1;
        } else {
          to = middle;
        }
      }
      others.splice(from, 0, row);
    }
    for (let i = others.length - 1; i >= 0; i--) {
      const next = others[i + 1] ?? null;
      if (moving.has(others[i]) && (others[i].parentNode !== body || others[i].nextElementSibling !== next)) {
        body.insertBefore(others[i], next);
      }
    }
  };

  // takeRows replaces rows of phones, and moves those that belong into another list.
  const takeRows = (text) => keepFocus(() => {
    const changed = new Map([...lists.keys()].map((list) => [list, []]));
    for (const want of parse(text)) {
      const row = rows.get(want.dataset.k);
      morph(row, want);
      texts.delete(row);
      changed.get(row.dataset.l).push(row);
    }
    for (const [list, some] of changed) {
      if (some.length > 0) {
        place(lists.get(list).querySelector("tbody"), some);
      }
    }
    for (const section of lists.values()) {
      section.hidden = section.querySelector("tbody").rows.length === 0;
    }
    refilter();
  });

  // say shows how the connection is.
  const say = (text, state) => {
    if (status.textContent !== text) {
      status.textContent = text;
    }
    status.className = state;
  };

  // lost shows that the connection is lost, and makes another one.
  const lost = () => {
    source.close();
    clearTimeout(silence);
    clearTimeout(again);
    say("Connection lost: this page is not updated now. Trying again ...", "off");
    again = setTimeout(connect, 2 * seconds);
  };

  // heard notes that the server is there. It says something every 15 seconds.
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(lost, 45 * seconds);
  };

  // connect asks for what has changed, and goes on to be told.
  const connect = () => {
    source = new EventSource(`events?page=${encodeURIComponent(page.page)}&after=${encodeURIComponent(at)}`);
    const on = (name, take) => source.addEventListener(name, (event) => {
      heard();
      take(event.data);
      at = event.lastEventId || at;
    });
    source.addEventListener("error", lost);
    on("hello", () => say("Live: this page updates itself.", "on"));
    on("away", () => say("The server of the journal cannot be reached: this page is not updated now. Trying again ...", "off"));
    on("parts", takeParts);
    on("rows", takeRows);
    on("alive", () => {});
    on("reload", () => location.reload());
    heard();
  };

  connect();
})();
