// A small HTTP server: the example of a Node.js app.
const http = require('http');

const server = http.createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'Content-Type': 'text/plain' });
  response.end('Bittiger\n');
});
server.listen(8000, () => console.log('node listens on :8000'));

// As process 1 of its container, node ends only if it says so itself.
process.on('SIGTERM', () => {
  console.log('finishing the requests in flight');
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
