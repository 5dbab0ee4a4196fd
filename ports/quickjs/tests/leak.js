// A page that opens panels and closes them again. Each closed panel should be garbage.
class Panel {
  constructor(title) {
    this.title = title;
    this.rows = [];
    for (let i = 0; i < 50; i++) this.rows.push({ i, text: title + i });
  }
  close() { this.closed = true; }
}

class Bus {
  constructor() { this.handlers = new Map(); }
  on(event, handler) {
    if (!this.handlers.has(event)) this.handlers.set(event, []);
    this.handlers.get(event).push(handler);
  }
}

const bus = new Bus();

function open(title) {
  const panel = new Panel(title);
  bus.on("resize", function onResize() { panel.width = 80; });
  return panel;
}

for (let i = 0; i < 200; i++) open("panel " + i).close();
