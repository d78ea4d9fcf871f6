// Lets at most `limit` tasks run at a time; the others wait in order.

export function createLimiter(limit) {
  const waiting = [];
  let running = 0;

  function next() {
    if (running >= limit || waiting.length === 0) return;
    running += 1;
    const { task, resolve, reject } = waiting.shift();
    task().then(resolve, reject).finally(() => {
      running -= 1;
      next();
    });
  }

  return (task) => new Promise((resolve, reject) => {
    waiting.push({ task, resolve, reject });
    next();
  });
}
