// undici with the dispatcher that reads the variables, whatever Node it runs on.
import { EnvHttpProxyAgent, setGlobalDispatcher } from 'undici';

import call from './undici.mjs';

setGlobalDispatcher(new EnvHttpProxyAgent());
export default call;
