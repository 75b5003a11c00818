import React from 'react';
import { createRoot } from 'react-dom/client';
import { Excalidraw, convertToExcalidrawElements } from '@excalidraw/excalidraw';
import '@excalidraw/excalidraw/index.css';
import { EDGE, PITCH, grid, play } from './path.js';

const size = [window.innerWidth, window.innerHeight];

function fill(api, n) {
  const board = grid(n);
  const notes = board.notes.map((note) => ({
    type: 'rectangle', id: `note${note.i}`, x: note.x, y: note.y, width: EDGE, height: EDGE,
    backgroundColor: '#fdf3b0', fillStyle: 'solid', label: { text: note.text },
  }));
  const arrows = board.notes.map((note) => {
    const to = board.notes[note.to];
    return {
      type: 'arrow', id: `arrow${note.i}`, x: note.x + EDGE / 2, y: note.y + 14,
      width: to.x - note.x, height: to.y - note.y,
      points: [[0, 0], [to.x - note.x, to.y - note.y]],
    };
  });
  const elements = convertToExcalidrawElements([...notes, ...arrows], { regenerateIds: false });
  api.updateScene({ elements });
  window.runSegment = (segment, frames) => play(segment, frames, board, size, ({ x, y, z }) =>
    api.updateScene({ appState: { scrollX: size[0] / 2 / z - x, scrollY: size[1] / 2 / z - y, zoom: { value: z } } }));
  return elements.length;
}

function ready(api) {
  window.fillBoard = (n) => fill(api, n);
  window.isReady = true;
}

createRoot(document.getElementById('root')).render(
  <div style={{ position: 'fixed', inset: 0 }}>
    <Excalidraw excalidrawAPI={ready} viewModeEnabled zenModeEnabled />
  </div>,
);
