import type { Schema } from './kind.ts';

/** Pieces of JSON Schema that several kinds use. */
export const text: Schema = { type: 'string' };
export const textOrNull: Schema = { type: ['string', 'null'] };
export const count: Schema = { type: 'integer', minimum: 0 };
export const number: Schema = { type: 'number' };
export const numberOrNull: Schema = { type: ['number', 'null'] };
export const truth: Schema = { type: 'boolean' };
export const mac: Schema = { type: 'string', pattern: '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' };
export const macOrNull: Schema = { type: ['string', 'null'] };
export const list = (items: Schema): Schema => ({ type: 'array', items });
export const oneOf = (...values: (string | null)[]): Schema => ({ enum: values });

/** An object of which all named properties are there and no others. */
export const object = (properties: Record<string, Schema>): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

export const interfaceName: Schema = {
  type: ['object', 'null'],
  properties: { index: { type: 'integer' }, name: textOrNull },
  required: ['index', 'name'],
  additionalProperties: false,
};

export const endpoint: Schema = {
  type: 'object',
  properties: { ip: text, port: { type: 'integer', minimum: 0 } },
  required: ['ip'],
  additionalProperties: false,
};

export const answers: Schema = {
  ...list(object({ mac, answers: count, firstAnswers: count, interface: interfaceName })),
  description:
    'Who answers: answers in frames, firstAnswers in exchanges, and where the latest answer was seen; of a host that the context knows, its own interface with this MAC',
};
