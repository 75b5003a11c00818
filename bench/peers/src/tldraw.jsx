import React from 'react';
import { createRoot } from 'react-dom/client';
import { Tldraw, createShapeId, toRichText } from 'tldraw';
import 'tldraw/tldraw.css';
import { EDGE, grid, play } from './path.js';

const size = [window.innerWidth, window.innerHeight];

function fill(editor, n) {
  const board = grid(n);
  const id = (i) => createShapeId(`note${i}`);
  const arrow = (i) => createShapeId(`arrow${i}`);
  editor.run(() => {
    editor.createShapes(board.notes.map((note) => ({
      id: id(note.i), type: 'note', x: note.x, y: note.y, props: { richText: toRichText(note.text) },
    })));
    editor.createShapes(board.notes.map((note) => ({ id: arrow(note.i), type: 'arrow', x: note.x, y: note.y })));
    const end = (note, terminal, to) => ({
      type: 'arrow', fromId: arrow(note.i), toId: id(to),
      props: { terminal, normalizedAnchor: { x: 0.5, y: 0.5 }, isExact: false, isPrecise: false },
    });
    editor.createBindings(board.notes.flatMap((note) => [end(note, 'start', note.i), end(note, 'end', note.to)]));
  }, { history: 'ignore' });
  return board;
}

function mount(editor) {
  window.fillBoard = (n) => {
    const board = fill(editor, n);
    window.runSegment = (segment, frames) => play(segment, frames, board, size, ({ x, y, z }) =>
      editor.setCamera({ x: size[0] / 2 / z - x, y: size[1] / 2 / z - y, z }, { immediate: true, force: true }));
    return editor.getCurrentPageShapeIds().size;
  };
  window.isReady = true;
}

createRoot(document.getElementById('root')).render(
  <div style={{ position: 'fixed', inset: 0 }}>
    <Tldraw hideUi onMount={mount} options={{ maxShapesPerPage: 1e6 }}
      cameraOptions={{ zoomSteps: [0.02, 1, 8], isLocked: false }} />
  </div>,
);
