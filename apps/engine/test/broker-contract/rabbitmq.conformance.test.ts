import { RABBITMQ } from './columns.ts';
import { contract } from './contract.ts';

contract(RABBITMQ);
