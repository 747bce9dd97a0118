/** Wrong sources, and what the answering host says of its own routing. */
import type { ContextDocument } from '../../src/context/document.ts';
import { dnsQuery, dnsResponse, message } from '../craft/index.ts';
import { hostOfWords, type Told } from '../tools/hosts.ts';
import { incident, type Scenario, twin } from './scenario.ts';
import { Lan } from './stage.ts';
import { ASKED, atClient, atServer, CLIENT, type Seat, talk, WRONG, WRONG_SOURCE, wrongSource } from './udp-stage.ts';

const PORT = 4000;
const SERVICE = `${ASKED}:${PORT}`;
const QUESTION = message('status of pump 4711?');
const PLAIN = message('OK, all is well');

/** The server, with an uplink of each address; by default it sends everything by the other one. */
export const serverContext = (told: Partial<Told> = {}): ContextDocument => ({
  schema: 1,
  hosts: [
    hostOfWords({
      addresses: [`wan1 ${ASKED}/24`, `wan2 ${WRONG}/24`],
      routes: ['default via 203.0.113.1 dev wan2', `default via 198.51.100.1 dev wan1 src ${ASKED} table 101`],
      rules: [`32765: from ${ASKED} lookup 101`],
      ...told,
    }).document,
  ],
});

function ask(seat: Seat, port = 40_000): number[] {
  const frames = talk(seat, { client: `${CLIENT.ip}:${port}`, asked: SERVICE, from: `${WRONG}:${PORT}`, request: QUESTION, reply: PLAIN });
  seat.wait(3);
  return frames;
}

const MULTIPATH = ['default nexthop via 203.0.113.1 dev wan2 nexthop via 198.51.100.1 dev wan1'];

/** Seen at the server, by ports: likely without a context. */
const atHost: { name: string; why: string; context: ContextDocument; confidence: string }[] = [
  {
    name: 'its routing gives that source',
    why: 'no other conversation is needed to explain it',
    context: serverContext(),
    confidence: 'certain',
  },
  {
    name: 'one of its ways gives that source',
    why: 'a hash chooses it',
    context: serverContext({ routes: MULTIPATH }),
    confidence: 'certain',
  },
  {
    name: 'its routing gives the asked address',
    why: 'its routes were other ones then, or the program chose: no surer for it',
    context: serverContext({ routes: ['default via 198.51.100.1 dev wan1'], rules: [] }),
    confidence: 'likely',
  },
  {
    name: 'it does not have that source',
    why: 'something translates: no surer for it',
    context: serverContext({ addresses: [`wan1 ${ASKED}/24`, 'wan2 203.0.113.8/24'] }),
    confidence: 'likely',
  },
  {
    name: 'its rules were not read',
    why: 'those of a fresh kernel are an assumption',
    context: { schema: 1, hosts: serverContext().hosts.map(({ rules, rules6, ...host }) => host) },
    confidence: 'likely',
  },
  {
    name: 'it says nothing of the asked address',
    why: 'it is another host',
    context: serverContext({ addresses: ['wan1 198.51.100.8/24', 'wan2 203.0.113.8/24'] }),
    confidence: 'likely',
  },
];

export const scenarios: Scenario[] = [
  ...atHost.map(({ name, why, context, confidence }) =>
    incident(WRONG_SOURCE, `ports only, server on any, with its context: ${name}`, `${why}: ${confidence}`, () => {
      const capture = atServer();
      const evidenceFrames = ask(capture);
      return { capture, options: { context }, expect: [wrongSource(SERVICE, { confidence, count: 1, evidenceFrames })] };
    }),
  ),
  incident(
    WRONG_SOURCE,
    'ports only, client, with the server’s context',
    'its routing gives that source: one step surer than possible',
    () => {
      const capture = atClient(new Lan());
      ask(capture);
      return { capture, options: { context: serverContext() }, expect: [wrongSource(SERVICE, { confidence: 'likely', count: 1 })] };
    },
  ),
  twin(
    WRONG_SOURCE,
    'a server whose routing would choose wrongly answers rightly, with its context',
    'it is bound: nothing happened',
    () => {
      const capture = atServer();
      for (const id of [1, 2, 3]) {
        const client = `${CLIENT.ip}:${40_000 + id}`;
        talk(capture, { client, asked: `${ASKED}:53`, request: dnsQuery({ id }), reply: dnsResponse({ id }) });
        talk(capture, { client, asked: SERVICE, request: QUESTION, reply: PLAIN });
        capture.wait(3);
      }
      return { capture, options: { context: serverContext() } };
    },
  ),
];
