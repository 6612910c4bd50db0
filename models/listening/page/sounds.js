"use strict";
// Sounds of a trial, from the file that goes with it. A page on disk may not read files, but it
// may run scripts: each file calls `receive`.

const waiting = new Map(); // code of a trial -> what to do with its sounds

/** Called by a trial's file. */
function receive(code, sounds) {
  document.currentScript.remove(); // with the text it holds
  waiting.get(code)?.(sounds);
}

function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
}

/** Promise of the trial's sounds: Map, name -> AudioBuffer. */
async function soundsOf(trial) {
  const sounds = await new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `sounds/${trial.code}.js`;
    waiting.set(trial.code, resolve);
    script.onload = () => reject(new Error(`sounds/${trial.code}.js is damaged`));
    script.onerror = () => reject(new Error(`sounds/${trial.code}.js is not beside the page`));
    document.head.append(script);
  }).finally(() => waiting.delete(trial.code));
  // decoding needs no permission to play, and so no click before
  const decoder = new OfflineAudioContext(1, 1, trial.rate);
  const decoded = await Promise.all(
    Object.entries(sounds).map(async ([name, text]) => [name, await decoder.decodeAudioData(bytes(text))]),
  );
  return new Map(decoded);
}
