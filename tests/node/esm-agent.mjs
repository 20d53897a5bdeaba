import http from 'node:http';

import { serve } from './asking.mjs';

serve(http);
