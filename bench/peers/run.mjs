// Runs tldraw and Excalidraw in headless Chromium on the grid board and the camera of
// `oto bench camera`, oTo between them in the same run, and prints a table with ratios.
//
//   OTO=path/to/oto node run.mjs [notes ...]        (5000 when none are given)
//
// Frames of Chromium are not held to the display's rate. Each peer gets the faster of drawing
// without a GPU process and drawing through SwiftShader. Times are those between two animation
// frames; oTo's are those from a new view to the finished picture. Memory is the proportional set
// size of all processes of a peer.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, 'dist');
const oto = process.env.OTO ?? 'oto';
const FRAMES = 120;
const ROUNDS = Number(process.env.ROUNDS ?? 2);
const SIZE = { width: 1280, height: 800 };
const PEERS = ['tldraw', 'excalidraw'];
const SEGMENTS = ['pan', 'zoom'];
const GPU = {
  none: ['--disable-gpu'],
  swiftshader: ['--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
};

async function bundle() {
  for (const peer of PEERS) {
    await build({
      entryPoints: [path.join(here, 'src', `${peer}.jsx`)], bundle: true, minify: true,
      outdir: path.join(dist, peer), format: 'esm', splitting: true,
      define: { 'process.env.NODE_ENV': '"production"', 'process.env.IS_PREACT': '"false"' },
      loader: { '.woff2': 'file', '.woff': 'file', '.ttf': 'file', '.svg': 'file', '.png': 'file', '.json': 'json' },
      conditions: ['production'], logLevel: 'error',
    });
    const page = `<!doctype html><meta charset=utf-8><link rel=stylesheet href=${peer}.css><div id=root></div><script>window.EXCALIDRAW_ASSET_PATH='/${peer}/'</script><script type=module src=${peer}.js></script>`;
    fs.writeFileSync(path.join(dist, peer, 'index.html'), page);
  }
}

const KINDS = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

function serve() {
  const server = http.createServer((request, response) => {
    let file = path.join(dist, path.normalize(decodeURIComponent(request.url.split('?')[0])));
    if (file.endsWith('/')) file += 'index.html';
    if (!file.startsWith(dist) || !fs.existsSync(file)) { response.writeHead(404); return response.end(); }
    response.writeHead(200, { 'content-type': KINDS[path.extname(file)] ?? 'application/octet-stream' });
    fs.createReadStream(file).pipe(response);
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}

function percentile(times, p) {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
}

// Memory of a process and of all below it.
function treeMb(root) {
  const parents = new Map();
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
      parents.set(Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch { /* it has ended */ }
  }
  const within = (pid) => pid === root || (parents.has(pid) && within(parents.get(pid)));
  let kb = 0;
  for (const pid of parents.keys()) {
    if (!within(pid)) continue;
    try {
      kb += Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch { /* it has ended */ }
  }
  return Math.round(kb / 1024);
}

async function runPeer(peer, notes, gpu, port) {
  const browser = await chromium.launchServer({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true,
    args: ['--no-sandbox', '--disable-frame-rate-limit', '--disable-gpu-vsync', ...GPU[gpu]],
  });
  try {
    const client = await chromium.connect(browser.wsEndpoint());
    const page = await client.newPage({ viewport: SIZE });
    page.setDefaultTimeout(300_000);
    await page.goto(`http://127.0.0.1:${port}/${peer}/`);
    await page.waitForFunction('window.isReady');
    const shapes = await page.evaluate((n) => window.fillBoard(n), notes);
    await page.waitForTimeout(3000);
    const found = {};
    for (const segment of SEGMENTS) {
      await page.evaluate(([s]) => window.runSegment(s, 8), [segment]);
      const times = await page.evaluate(([s, n]) => window.runSegment(s, n), [segment, FRAMES]);
      found[segment] = { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
    }
    if (process.env.KEEP) await page.screenshot({ path: path.join(process.env.KEEP, `${peer}-${notes}.png`) });
    return { ...found, shapes, mb: treeMb(browser.process().pid), gpu };
  } finally {
    await browser.close();
  }
}

function runOto(notes, folder) {
  const board = path.join(folder, `grid-${notes}.oto`);
  const env = { ...process.env, OTO_DATA_DIR: path.join(folder, 'data') };
  if (!fs.existsSync(board)) {
    execFileSync(oto, ['bench', 'corpus', '--layout', 'grid', '--notes', `${notes}`, '--out', board], { env });
  }
  const args = ['bench', 'camera', board, '--size', `${SIZE.width}x${SIZE.height}`, '--frames', `${FRAMES}`, '--json'];
  const lines = execFileSync(oto, [...args, ...SEGMENTS.flatMap((s) => ['--path', s])], { env, encoding: 'utf8' });
  const found = { mb: 0 };
  for (const line of lines.trim().split('\n').map((l) => JSON.parse(l))) {
    if (line.image_check !== 'ok') throw new Error(`oTo's picture of ${line.segment} is not right`);
    found[line.segment] = { p50: line.p50_ms, p99: line.p99_ms };
    found.mb = Math.max(found.mb, line.rss_mb);
  }
  return found;
}

const notes = process.argv.slice(2).map(Number).filter((n) => n > 0);
await bundle();
const server = await serve();
const port = server.address().port;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'oto-peers-'));
const results = new Map();
const note = (key, value) => results.set(key, [...(results.get(key) ?? []), value]);

for (const n of notes.length > 0 ? notes : [5000]) {
  for (let round = 0; round < ROUNDS; round++) {
    note(`oto ${n}`, runOto(n, folder));
    for (const peer of PEERS) {
      for (const gpu of Object.keys(GPU)) {
        try {
          note(`${peer} ${n}`, await runPeer(peer, n, gpu, port));
        } catch (error) {
          console.error(`${peer} with ${n} notes (${gpu}): ${error.message.split('\n')[0]}`);
        }
      }
    }
  }
}
server.close();
fs.rmSync(folder, { recursive: true, force: true });

// Of a peer the fastest run of each figure counts, of oTo the slowest.
const figure = (runs, pick, best) => (runs?.length ? Math[best](...runs.map(pick)) : NaN);
console.log('| notes | figure | oTo | tldraw | Excalidraw | tldraw / oTo | Excalidraw / oTo |');
console.log('|---|---|---|---|---|---|---|');
const rows = [
  ...SEGMENTS.flatMap((s) => ['p50', 'p99'].map((p) => [`${s} ${p} ms`, (r) => r[s][p]])),
  ['memory MB', (r) => r.mb],
];
for (const n of notes.length > 0 ? notes : [5000]) {
  for (const [name, pick] of rows) {
    const own = figure(results.get(`oto ${n}`), pick, 'max');
    const [t, e] = PEERS.map((peer) => figure(results.get(`${peer} ${n}`), pick, 'min'));
    const cells = [own, t, e].map((v) => v.toFixed(1));
    console.log(`| ${n} | ${name} | ${cells.join(' | ')} | ${(t / own).toFixed(1)} | ${(e / own).toFixed(1)} |`);
  }
}
console.error(JSON.stringify(Object.fromEntries(results)));
