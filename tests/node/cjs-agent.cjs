const http = require('node:http');

import('./asking.mjs').then(({ serve }) => serve(http));
