import { render } from 'preact';
import { App } from './app.jsx';
import './style.css';

const root = document.getElementById('app');
const draw = (printing) => render(<App printing={printing} />, root);
draw(false);
// On paper every finding is open: there is nothing to click.
addEventListener('beforeprint', () => draw(true));
addEventListener('afterprint', () => draw(false));
