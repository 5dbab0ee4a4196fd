// What reports are in a browser: node report.mjs NPM_FOLDER FOLDER NAME... opens FOLDER/NAME.html each way,
// and writes "ok" or "FAILED" for each thing that is tried. Pictures of all pages stay in the folder.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [, , npm, folder, ...names] = process.argv;
const require = createRequire(join(npm, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

// Pages with many boxes: a look or two.
const LARGE = ["many"];

function check(name, holds, detail = "") {
  console.log(holds ? `ok     ${name}` : `FAILED ${name}\n    ${JSON.stringify(detail).slice(0, 1500)}`);
}

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });

// A page, with everything that it says and asks for.
async function open(name, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  const page = await context.newPage();
  const heard = [];
  const url = pathToFileURL(join(folder, `${name}.html`)).href;
  page.on("console", (message) => heard.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => heard.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => heard.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => {
    if (request.url() !== url) heard.push(`request: ${request.url().slice(0, 100)}`);
  });
  await page.goto(url);
  return { page, heard, close: () => context.close() };
}

const WAYS = {
  light: {},
  dark: { colorScheme: "dark" },
  narrow: { viewport: { width: 360, height: 740 } },
  "without script": { javaScriptEnabled: false },
};

for (const name of names) {
  for (const [way, options] of Object.entries(WAYS)) {
    if (LARGE.includes(name) && way !== "light" && way !== "without script") continue;
    const { page, heard, close } = await open(name, options);
    const picture = join(folder, `${name}-${way.replace(" ", "-")}.png`);
    await page.screenshot({ path: picture, fullPage: !LARGE.includes(name) });
    check(`${name}, ${way}: no errors, no requests`, heard.length === 0, heard);
    const title = await page.title();
    check(`${name}, ${way}: its name stays its title`, title.startsWith("heap "), title);
    const headings = await page.locator("section > h2:visible").count();
    const sections = await page.locator("section").count();
    check(`${name}, ${way}: all panels are to be seen`, headings === sections, headings);
    if (way === "without script") {
      const rows = await page.locator("#types-table tbody tr:visible").count();
      check(`${name}, ${way}: the types are to be seen`, name === "empty" || rows > 0, rows);
      await close();
      continue;
    }
    const width = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
    check(`${name}, ${way}: no wider than the window`, width <= 0, width);
    await close();
  }
}

// axe-core's rules, in both colour schemes. The policy of the page would not let it in.
for (const name of names.filter((name) => !LARGE.includes(name))) {
  for (const colorScheme of ["light", "dark"]) {
    const { page, close } = await open(name, { colorScheme, bypassCSP: true });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => axe.run());
    const told = violations.map(({ id, nodes: [first] }) => [id, first.failureSummary, first.html]);
    check(`${name}, ${colorScheme}: axe finds nothing`, violations.length === 0, told);
    await close();
  }
}

// ---- by keys and mouse, on the page that has everything ----

{
  const { page, heard, close } = await open("service");
  const focused = () =>
    page.evaluate(() => {
      const element = document.activeElement;
      const panel = element.closest("section, nav, header");
      const where = panel ? panel.id || panel.localName : element.localName;
      return `${where} ${element.localName}.${element.className}`;
    });
  const order = [];
  for (let at = 0; at < 200; at++) {
    await page.keyboard.press("Tab");
    const where = await focused();
    if (where.startsWith("body")) break;
    order.push(where);
  }
  const panels = order.map((where) => where.split(" ")[0]).filter((panel, at, all) => panel !== all[at - 1]);
  const expected = "a nav overview pauses suspects types retention owners rings survival changes";
  const inOrder = panels.filter((panel) => panel !== "body").join(" ") === expected;
  check("keys: the focus goes through the panels in their order", inOrder, panels);
  check("keys: the first stop skips to the report", order[0] === "a a.skip", order[0]);
  const boxes = order.filter((where) => where.includes("div.box"));
  check("keys: each picture is one stop", boxes.length === 2, boxes);

  const types = page.locator("#types-table tbody tr");
  await page.getByRole("searchbox").fill("doc");
  check("search: only what has the word", (await types.filter({ visible: true }).count()) === 1);
  await page.getByRole("searchbox").fill("");
  const all = await types.count();
  check("search: all again", (await types.filter({ visible: true }).count()) === all);
  const column = (number) =>
    page
      .locator(`#types-table tbody tr td:nth-child(${number})`)
      .evaluateAll((cells) => cells.map((cell) => Number(cell.dataset.v)));
  const sort = page.locator("#types-table thead").getByRole("button", { name: "objects" });
  await sort.focus();
  await page.keyboard.press("Enter");
  let values = await column(2);
  check("sort: downwards", values.join() === [...values].sort((a, b) => b - a).join(), values);
  await page.keyboard.press("Enter");
  values = await column(2);
  check("sort: upwards", values.join() === [...values].sort((a, b) => a - b).join(), values);
  const headings = page.locator('#types-table th[aria-sort="ascending"]');
  const sorted = await headings.allInnerTexts();
  check("sort: told to those who hear", sorted.length === 1 && sorted[0].includes("objects"), sorted);

  for (const id of ["flame", "map"]) {
    const label = () => page.evaluate(() => document.activeElement.getAttribute("title"));
    const shown = () => page.locator(`#${id} .box`).filter({ visible: true }).count();
    const before = await shown();
    await page.locator(`#${id} .box`).first().focus();
    const root = await label();
    check(`${id}: the root comes first`, root.startsWith("all: "), root);
    await page.keyboard.press("ArrowDown");
    const first = await label();
    await page.keyboard.press("ArrowRight");
    const second = await label();
    await page.keyboard.press("ArrowLeft");
    const back = await label();
    const moves = root !== first && first !== second && back === first;
    check(`${id}: arrows go down and beside`, moves, [first, second, back]);
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    const box = await page.evaluate((id) => {
      const width = (element) => element.getBoundingClientRect().width;
      return width(document.activeElement) / width(document.getElementById(id));
    }, id);
    check(`${id}: Enter zooms`, (await shown()) < before && box > 0.95, [await shown(), before, box]);
    await page.keyboard.press("ArrowDown");
    const below = await label();
    check(`${id}: what is below is in reach`, below && below.includes("%") && below !== second, below);
    await page.keyboard.press("Escape");
    check(`${id}: Escape shows all`, (await shown()) === before, [await shown(), before]);
    const tools = page.locator(`#${id}`).locator("xpath=preceding-sibling::div[1]");
    await page.locator(`#${id} .box`).filter({ visible: true }).nth(2).click({ position: { x: 8, y: 8 } });
    check(`${id}: a click zooms, and is told`, (await tools.locator("output").innerText()).includes("%"));
    await tools.getByRole("button", { name: "Show all" }).click();
    check(`${id}: the button shows all`, (await shown()) === before);
  }
  check("keys: no errors", heard.length === 0, heard);

  await page.locator("details").first().evaluate((details) => (details.open = false));
  await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
  check("print: everything is open", (await page.locator("details:not([open])").count()) === 0);
  await page.evaluate(() => window.dispatchEvent(new Event("afterprint")));
  check("print: and closed again", (await page.locator("details[open]").count()) === 0);
  const pdf = await page.pdf({ path: join(folder, "service.pdf"), format: "A4" });
  const sheets = pdf.toString("latin1").match(/\/Type\s*\/Page\b/g).length;
  check("print: a few pages of paper", sheets > 1 && sheets < 20, sheets);
  await close();
}

await browser.close();
