// The report's data, with what the page looks up again and again.
import { arrows } from './format.js';

export const report = JSON.parse(document.getElementById('report').textContent);

const statements = new Map(report.statements.map((statement) => [statement.id, statement]));
export const statementOf = (id) => statements.get(id);
export const sqlOf = (id) => statements.get(id)?.sql ?? id;

// What the list shows: what the verdict fails or warns of first, then the findings, grouped by relation.
export const items = listItems();
export const itemOf = (id) => items.find((item) => item.id === id) ?? items.find((item) => item.id.startsWith(id));

function listItems() {
  const findings = new Map(report.findings.map((finding) => [finding.id, finding]));
  const listed = [];
  const taken = new Set();
  for (const [index, entry] of (report.verdict?.entries ?? []).entries()) {
    const finding = findings.get(entry.id);
    if (entry.level === 'note' && entry.kind !== 'suppressed') continue;
    if (finding && taken.has(finding.id)) continue;
    if (!finding && entry.level === 'note') continue;
    if (finding) taken.add(finding.id);
    listed.push(itemFrom(entry, finding, index));
  }
  for (const finding of report.findings) {
    if (!taken.has(finding.id)) listed.push(itemFrom(null, finding, 0));
  }
  return listed;
}

function itemFrom(entry, finding, index) {
  return {
    id: finding?.id ?? `entry-${index}`,
    entry,
    finding,
    isNew: entry !== null && entry.level !== 'note',
    label: finding?.rule_name ?? entry.rule,
    title: arrows(finding?.title ?? entry.title),
    relation: finding?.relation || '',
  };
}

// Groups in the order of their first item; one group "new in this run" comes first.
export function grouped(list) {
  const groups = new Map();
  for (const item of list) {
    const name = item.isNew ? 'New in this run' : item.relation || 'Other';
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(item);
  }
  return [...groups];
}
