// Lets at most `limit` tasks run at a time; the others wait in order. While it is paused none begins.

export class Limiter {
  #limit;
  #running = 0;
  #waiting = [];
  #isPaused = false;

  constructor(limit) {
    this.#limit = limit;
  }

  get isPaused() {
    return this.#isPaused;
  }

  run(task) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, resolve, reject });
      this.#next();
    });
  }

  pause() {
    this.#isPaused = true;
  }

  resume() {
    this.#isPaused = false;
    for (let places = this.#limit; places > 0; places -= 1) this.#next();
  }

  #next() {
    if (this.#isPaused || this.#running >= this.#limit || this.#waiting.length === 0) return;
    this.#running += 1;
    const { task, resolve, reject } = this.#waiting.shift();
    task().then(resolve, reject).finally(() => {
      this.#running -= 1;
      this.#next();
    });
  }
}
