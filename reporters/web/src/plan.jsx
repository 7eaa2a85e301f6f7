import { count, counted, percent } from './format.js';

const LONG = 12; // nodes: a taller tree would push what is below it off the screen

const sizeOf = (node) => node.children.reduce((sum, child) => sum + sizeOf(child), 1);
const costOf = (cost) => (cost < 1000 ? cost.toFixed(2) : count(cost));

// What the planner said of a statement, a tree for each time it was asked; the node that costs most is marked.
export function Plans({ plans, printing }) {
  if (plans.length === 0) return null;
  return (
    <section>
      <h3>Plan</h3>
      {plans.map(({ head, problem, root }) =>
        root ? (
          <details class="plan" open={printing || sizeOf(root) <= LONG}>
            <summary>
              {head} <span class="quiet">{counted(sizeOf(root), 'node')}</span>
            </summary>
            <ul>
              <Node node={root} />
            </ul>
          </details>
        ) : (
          <p class="quiet">
            {head}: there is none: {problem}
          </p>
        ),
      )}
    </section>
  );
}

function Node({ node }) {
  return (
    <li>
      <div class={node.most ? 'node most' : 'node'}>
        <code>{node.text}</code>
        <span class="number">cost {costOf(node.cost)}</span>
        <span class="number">{counted(node.rows, 'row')}</span>
        <span class="bar" title="this node alone">
          <i class="database" style={{ width: `${Math.min(node.share, 1) * 100}%` }} />
        </span>
        <span class="number">{percent(node.share)}</span>
        {node.most && <span class="note">the most expensive node</span>}
        {node.conditions.map(([name, text]) => (
          <span class="condition">
            {name}: <code>{text}</code>
          </span>
        ))}
      </div>
      {node.children.length > 0 && (
        <ul>
          {node.children.map((child) => (
            <Node node={child} />
          ))}
        </ul>
      )}
    </li>
  );
}
