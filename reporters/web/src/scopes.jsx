import { bytes, count, duration } from './format.js';
import { report } from './report.js';
import { Table } from './table.jsx';

// Tests, routes and jobs: what ran under each label.
export function Scopes({ roundTripMs }) {
  const figures = [
    ['units', 'units', count],
    ['executions', 'queries', count],
    ['round_trips', 'round trips', count],
    ['rows', 'rows', count],
    ['bytes', 'bytes', bytes],
    ['database_ms', 'database', duration],
  ].map(([key, label, show]) => ({ key, label, value: (row) => row[key], show: (row) => show(row[key]) }));
  const columns = [
    { key: 'label', label: 'scope', text: true, value: (row) => row.label, show: (row) => <span>{row.label || '(none)'}</span> },
    ...figures,
    {
      key: 'far',
      label: 'with the network',
      value: (row) => row.database_ms + row.round_trips * roundTripMs,
      show: (row) => duration(row.database_ms + row.round_trips * roundTripMs),
    },
  ];
  const rows = report.scopes.map((scope) => ({ ...scope, id: scope.label }));
  return <Table caption="Scopes" columns={columns} rows={rows} first="executions" textOf={(row) => row.label} />;
}
