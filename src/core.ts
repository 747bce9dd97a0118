/**
 * The part of fluxcap that needs nothing but JavaScript: chunks of bytes in, findings and records out. It runs in a browser's worker as well as in
 * Node.js.
 */
export { type Analysis, type AnalysisOptions, analyzeSources, type InputSource, type Progress } from './analysis.ts';
export type { Problem, ProblemKind } from './capture/problem.ts';
export { type ByteSource, ChunkSource, MemorySource } from './capture/source.ts';
export type { Unpacker, Unpackers } from './capture/unpack.ts';
export { Context } from './context/context.ts';
export type { ContextDocument, HostDocument } from './context/document.ts';
export type { Host } from './context/host.ts';
export { hostOf } from './context/model.ts';
export { ContextError, readContext } from './context/read.ts';
export { type ExpectedVia, parseExpectedVia } from './diagnose/expectations.ts';
export type { Finding } from './diagnose/finding.ts';
export type { Confidence, FindingKind, Remedy, Severity, Subject } from './diagnose/kind.ts';
export { findingKinds } from './diagnose/kinds.ts';
export { type AnalysisDocument, analysisDocument, type JsonInput, type Shown } from './report/json.ts';
export { jsonText } from './report/json-text.ts';
export { type JsonRecord, recordsOf } from './report/records.ts';
export { type RecordKind, type RecordSink, recordKinds } from './track/records.ts';
export { type KnownPeer, parsePublicKey } from './track/wireguard/keys.ts';
export { SCHEMA_VERSION, VERSION } from './version.ts';
