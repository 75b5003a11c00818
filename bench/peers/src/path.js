// The camera of `oto bench camera`, and the board of `oto bench corpus --layout grid`.

export const PITCH = 260;
export const EDGE = 200;

export function grid(n) {
  const columns = Math.ceil(Math.sqrt(n));
  const notes = [];
  for (let i = 0; i < n; i++) {
    const row = Math.floor(i / columns);
    const column = i % columns;
    // Strings lead to the right neighbour; from the last of a row to the one below.
    const next = (i + 1) % columns === 0 ? i + columns : i + 1;
    const to = next < n ? next : Math.max(0, i - 1);
    notes.push({ i, x: column * PITCH, y: row * PITCH, text: `Post-it ${i}`, to });
  }
  const rows = Math.ceil(n / columns);
  const width = (Math.min(n, columns) - 1) * PITCH + EDGE;
  const height = (rows - 1) * PITCH + EDGE;
  return { notes, width, height, middle: [width / 2, height / 2] };
}

export function view(segment, t, board, size) {
  const fit = Math.min(size[0] / (board.width + 96), size[1] / (board.height + 96), 1);
  if (segment === 'pan') {
    const turn = 2 * Math.PI * t;
    return { x: board.middle[0] + 2000 * Math.sin(turn), y: board.middle[1] + 1200 * Math.cos(turn), z: 1 };
  }
  const swing = Math.sin(Math.PI * t);
  return { x: board.middle[0], y: board.middle[1], z: Math.pow(Math.max(0.1, fit), swing) };
}

// One view a frame; the times between two frames in milliseconds.
export function play(segment, frames, board, size, look) {
  return new Promise((done) => {
    const times = [];
    let frame = 0;
    let last = null;
    const step = (now) => {
      if (last !== null) times.push(now - last);
      last = now;
      if (frame > frames) return done(times);
      look(view(segment, Math.min(frame, frames - 1) / frames, board, size));
      frame++;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
}
