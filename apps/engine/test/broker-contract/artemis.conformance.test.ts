import { ARTEMIS } from './columns.ts';
import { contract } from './contract.ts';

contract(ARTEMIS);
