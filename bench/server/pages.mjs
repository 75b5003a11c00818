// Walks the pages of a running server in headless Chromium, as a visitor and as an admin, with and
// without scripts, and takes a picture of each. Fails on errors of the console, answers of 500, pages
// that load anything from elsewhere, and a search that does not search.
//
// The admin's second factor is set up at the first run; its secret is kept beside the pictures.
//
//   npm install playwright-core
//   node pages.mjs http://127.0.0.1:7420 admin@example.org PASSWORD /tmp/pictures [chromium]
import { createHmac } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [base, email, password, folder, program = "/usr/bin/chromium"] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const browser = await chromium.launch({
  executablePath: program,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const faults = [];

async function walk(name, options, visits) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  page.on("console", (m) => m.type() === "error" && !m.text().includes("404") && faults.push(`${name}: ${m.text()}`));
  page.on("pageerror", (e) => faults.push(`${name}: ${e}`));
  page.on("response", (r) => {
    if (r.status() >= 500) faults.push(`${name}: ${r.status()} ${r.url()}`);
    if (!r.url().startsWith(base) && !r.url().startsWith("data:")) faults.push(`${name}: loads ${r.url()}`);
  });
  await visits(page, async (label) => page.screenshot({ path: `${folder}/${name}-${label}.png` }));
  await context.close();
}

// The code of this half minute (RFC 6238).
function codeOf(secret) {
  const bits = [...secret].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac("sha1", key).update(step).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

const must = (truth, what) => truth || faults.push(what);

await walk("visitor", { javaScriptEnabled: false }, async (page, shoot) => {
  await page.goto(`${base}/`);
  must((await page.locator("h1").innerText()).length > 10, "the front page has no heading");
  await shoot("front");
  await page.goto(`${base}/fr`);
  must((await page.locator("html").getAttribute("lang")) === "fr", "the French page is not French");
  await shoot("front-fr");
  const work = page.locator("#works a.note").first();
  if (await work.count()) {
    await work.click();
    await shoot("work");
    must(await page.locator('meta[property="og:title"]').count(), "a work has no Open Graph title");
    await page.locator('a[href^="/u/"]').first().click();
    await shoot("person");
  }
  await page.goto(`${base}/s/00000000000000000000000000000000`);
  await shoot("missing");
});

await walk("admin", {}, async (page, shoot) => {
  await page.goto(`${base}/admin`);
  await page.fill("#email", email);
  await page.fill("#password", password);
  await page.click("button");
  const kept = `${folder}/second-factor`;
  if (page.url().endsWith("/second-factor")) {
    writeFileSync(kept, await page.locator('input[name="secret"]').inputValue());
    await shoot("second-factor");
  }
  must(existsSync(kept), "the secret of the second factor is not known");
  await page.fill('input[name="code"]', codeOf(readFileSync(kept, "utf8")));
  await page.press('input[name="code"]', "Enter");
  await page.waitForURL(/\/admin\/?$/);
  await shoot("overview");
  for (const name of ["people", "plans", "payments", "jobs", "storage", "moderation", "analytics", "audit", "health"]) {
    await page.goto(`${base}/admin/${name}`);
    must(await page.locator("h1").count(), `${name} has no heading`);
    await shoot(name);
  }
  await page.goto(`${base}/admin/analytics`);
  const bar = page.locator(".chart .bar").last();
  await bar.hover();
  must(await page.locator(".tip:visible").count(), "a chart does not say what its bars are");
  await page.goto(`${base}/admin/people`);
  const before = await page.locator("tbody tr").count();
  await page.fill('input[name="q"]', "nobody-has-this-name");
  await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 0);
  must(before > 0, "the list of people is empty");
  await shoot("search");
});

await browser.close();
console.log(JSON.stringify({ faults }));
process.exit(faults.length ? 1 : 0);
