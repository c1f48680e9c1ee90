import { LISTENER } from './columns.ts';
import { contract } from './contract.ts';

contract(LISTENER);
