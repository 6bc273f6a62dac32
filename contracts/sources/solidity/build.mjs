// Compiles the contracts beside this file and writes one artifact per contract.
//   node build.mjs           writes ../../interfaces/solidity/<Name>.json
//   node build.mjs --check   writes nothing; exits with 1 if a written artifact differs
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import solc from "solc";

const CONTRACTS = ["AssetToken", "AssetToken8", "PaymentToken", "HtsStub", "LifeCycleCashFlow", "PayoutReporter"];
const SOURCES = fileURLToPath(new URL(".", import.meta.url));
const ARTIFACTS = fileURLToPath(new URL("../../interfaces/solidity/", import.meta.url));
const SETTINGS = {
  evmVersion: "london",
  optimizer: { enabled: true, runs: 200 },
  // Without the metadata hash the bytecode depends on the code alone, not on comments or file names.
  metadata: { bytecodeHash: "none", appendCBOR: false },
};

function readSources() {
  const names = readdirSync(SOURCES).filter((name) => name.endsWith(".sol")).sort();
  return Object.fromEntries(names.map((name) => [name, { content: readFileSync(SOURCES + name, "utf8") }]));
}

function compile(sources) {
  const outputSelection = { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } };
  const input = { language: "Solidity", sources, settings: { ...SETTINGS, outputSelection } };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const problems = output.errors ?? [];
  if (problems.length > 0) {
    throw new Error(problems.map((problem) => problem.formattedMessage).join("\n"));
  }
  return output.contracts;
}

function hashOf(sources) {
  const hash = createHash("sha256");
  for (const [name, { content }] of Object.entries(sources)) hash.update(`${name}\n${content}\n`);
  return `sha256:${hash.digest("hex")}`;
}

function artifact(name, contract, sourceHash) {
  const { abi, evm } = contract;
  return {
    contractName: name,
    abi,
    bytecode: `0x${evm.bytecode.object}`,
    deployedBytecode: `0x${evm.deployedBytecode.object}`,
    compiler: `solc ${solc.version()}`,
    settings: SETTINGS,
    sourceHash,
  };
}

function isCurrent(path, text) {
  return existsSync(path) && readFileSync(path, "utf8") === text;
}

function main(checkOnly) {
  const sources = readSources();
  const compiled = compile(sources);
  const sourceHash = hashOf(sources);
  mkdirSync(ARTIFACTS, { recursive: true });
  const stale = CONTRACTS.filter((name) => {
    const path = `${ARTIFACTS}${name}.json`;
    const text = `${JSON.stringify(artifact(name, compiled[`${name}.sol`][name], sourceHash), null, 2)}\n`;
    if (isCurrent(path, text)) return false;
    if (!checkOnly) writeFileSync(path, text);
    return true;
  });
  for (const name of stale) console.log(`${name}: ${checkOnly ? "differs from its source" : "written"}`);
  if (checkOnly && stale.length > 0) process.exitCode = 1;
}

main(process.argv.includes("--check"));
