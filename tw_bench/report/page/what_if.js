// The what-if panel. What is a rule (who holds a port, how long, which walls there are) was decided
// by the model in Python and stands in the page as a table (what_if_rules.py). Here is only its
// arithmetic: plan/capacity.py, plan/walls.py, plan/capacity_plan.py and plan/population.py.
const twModel = (() => {
  'use strict';

  // capacity.limits; none where nothing holds a port.
  const limits = (room, held, sure) => held.echo_s === 0 ? null : {
    textbook: room / held.shortest_s,
    sustainable: room * sure / held.longest_s,
    saturated: room / held.echo_s,
  };

  // walls.walls, the lowest first; `room` is what a cold start has, null where it is no stock.
  const walls = (place, rule, asked, tuples, sure, busy_s) => {
    const room = tuples * sure * asked.requests;
    const found = [{ name: 'ports', limit: room / busy_s, room, beyond: place.beyond,
      refuses: true }];
    for (const wall of rule.walls) {
      if (wall.is_of_buckets && place.max_tw_buckets >= tuples) continue;
      const kept = wall.connections === null ? null : wall.connections * asked.requests;
      found.push({ ...wall, limit: wall.connections_per_s * asked.requests, room: kept });
    }
    if (place.search_s !== null) {
      const dear = place.cpus / (asked.ports * place.search_s);
      const limit = (tuples / 2 / busy_s + dear) * asked.requests;
      found.push({ name: 'port search', limit, room: null, beyond: place.beyond_search,
        refuses: false });
    }
    return found.sort((a, b) => a.limit - b.limit);
  };

  // population._time_wait: Little's law, and no more than there are four-tuples in turn.
  const timeWait = (place, rule, tuples, busy_s, connections) => {
    const isHalf = place.is_by_parity && connections * busy_s < tuples / 2;
    const made = Math.min(connections * place.time_wait_mean_s, isHalf ? tuples / 2 : tuples);
    return {
      client: rule.leaves.client ? Math.min(made, place.max_tw_buckets ?? Infinity) : 0,
      server: rule.leaves.server ? made : 0,
    };
  };

  // capacity_plan.make_capacity_plan of a case (ports, sources, destinations, requests, closer,
  // close, tw_reuse, rate or null) in a place.
  const answer = (place, asked) => {
    const tuples = asked.ports * asked.sources * (place.is_early ? 1 : asked.destinations);
    const rule = place.rules[`${asked.closer} ${asked.close} ${asked.tw_reuse}`];
    const held = tuples > (place.max_tw_buckets ?? Infinity) ? rule.full : rule.held;
    const busy_s = held.longest_s + place.open_s;
    const range = asked.ports + place.taken;
    const sure = place.misses_odd && range > 1 ? (range - range % 2) / range : 1;
    const found = walls(place, rule, asked, tuples, sure, busy_s);
    const [first] = found, rate = asked.rate ?? 0;
    const turns = found.find((wall) => wall.refuses);  // what others let through, it may refuse
    const passing = asked.rate === null ? first.limit : Math.min(rate, turns.limit);
    const [end] = found
      .filter((wall) => wall.room !== null && rate > wall.limit)
      .map((wall) => ({ name: wall.name, after_s: wall.room / rate }))
      .sort((a, b) => a.after_s - b.after_s || (a.name < b.name ? -1 : 1));
    return {
      tuples, held, end,
      limits: limits(tuples * asked.requests, held, sure),
      first, turns, binding: first.name, limit: first.limit, beyond: first.beyond,
      headroom: rate ? first.limit / rate : null,
      timeWait: timeWait(place, rule, tuples, busy_s, passing / asked.requests),
    };
  };

  // what_if.number
  const number = (value, digits = 4) => {
    if (value >= 1e6) return '> 1 M';
    if (value >= 10 ** (digits - 1)) return Math.floor(value + 0.5).toLocaleString('en-US');
    return Number(value.toPrecision(digits)).toLocaleString('en-US', { maximumFractionDigits: 20 });
  };

  const whole = (count) => Math.floor(count + 0.5).toLocaleString('en-US');

  // what_if._sentence
  const sentence = (asked, { first, turns, headroom }) => {
    const wall = `the first wall, ${first.name}, stands at ${number(first.limit)}/s`;
    if (headroom === null) return `No rate is asked for: ${wall}.`;
    const rate = `the ${(asked.rate < 1e6 ? number : whole)(asked.rate)}/s asked for`;
    const times = headroom < 1000 ? `${number(headroom, 3)}x` : 'more than 1,000x';
    if (headroom >= 1) return `enough: ${times} ${rate}; ${wall}.`;
    const beyond = `beyond ${first.name} (${number(first.limit)}/s) ${first.beyond}`;
    if (turns.limit >= asked.rate) return `All of ${rate} gets through, at a price: ${beyond}.`;
    const part = turns.limit / asked.rate;
    const share = part >= 0.0001 ? `${number(100 * part, 3)} %` : 'less than 0.01 %';
    const carried = `NOT ENOUGH: carries ${share} of ${rate}`;
    const next = `the first wall that refuses, ${turns.name}, at ${number(turns.limit)}/s`;
    return first.refuses ? `${carried}; ${wall}.` : `${carried}, up to ${next}; ${beyond}.`;
  };

  // what_if.answer, word for word.
  const words = (sides, asked, of) => {
    const limit = (name) => of.limits ? `${number(of.limits[name])}/s` : 'none: no port is held';
    const ends = new Set([number(of.held.shortest_s), number(of.held.longest_s)]);
    const sockets = Object.keys(sides).map((side) => `${sides[side]} ${whole(of.timeWait[side])}`);
    return {
      sentence: sentence(asked, of),
      rows: [
        limit('textbook'), limit('sustainable'), limit('saturated'),
        `${of.held.longest_s ? `${[...ends].join(' to ')} s` : 'no longer'}; ${of.held.reason}`,
        of.beyond,
        `${sockets.join(', ')}; of ${whole(of.tuples)} four-tuple${of.tuples === 1 ? '' : 's'}`,
        of.end ? `${of.end.name}, after ${number(of.end.after_s, 3)} s` : 'never',
      ].map((text) => text.replace(/\bserver\b/g, sides.server)),
    };
  };

  // A figure as its field shows it; a field that still shows it stands for it to the last digit.
  const shown = (value) => value === null ? '' : String(Number(value.toPrecision(6)));

  // The figure in a field, and what was wrong with it; nonsense is put right.
  const read = (field, own) => {
    const [least, most, value] = [Number(field.min), Number(field.max), field.valueAsNumber];
    const { badInput } = field.validity;  // a text that is no number reads as empty
    if (field.value === shown(own) && !badInput) return [own, ''];
    if (field.value === '' && !badInput && !field.required) return [null, ''];
    const said = (kept, wanted) => [kept, `${field.labels[0].textContent}: want ${wanted}; `
      + `calculated with ${kept === null ? 'none' : kept.toLocaleString('en-US')}. `];
    const range = `${least} to ${most.toLocaleString('en-US')}`;
    if (Number.isNaN(value)) return said(own, `a number, ${range}`);
    if (value < least || value > most) return said(value < least ? least : most, range);
    const whole = field.step === '1' ? Math.round(value) : value;
    return whole === value ? [value, ''] : said(whole, 'a whole number');
  };

  const mount = (panel) => {
    const model = JSON.parse(panel.querySelector('script').textContent);
    const form = panel.querySelector('form');
    const { point: chosen, ...fields } = Object.fromEntries(
      [...form.elements].filter((field) => field.name).map((field) => [field.name, field]));
    const point = () => model.points[chosen ? chosen.selectedIndex : 0];
    // What cannot be asked for is not offered: a pair without a rule, or another point's own close.
    const offer = () => {
      const { rules } = model.places[point().place];
      for (const option of fields.close.options) {
        option.hidden = option.disabled = !(`${fields.closer.value} ${option.value} 0` in rules);
      }
      if (fields.close.selectedOptions[0].disabled) fields.close.value = 'fin';
    };
    const show = () => {
      offer();
      const own = point(), asked = {}, notes = [];
      for (const [name, field] of Object.entries(fields)) {
        const [value, note] = field.type === 'number'
          ? read(field, own.case[name]) : [field.value, ''];
        asked[name] = value;
        field.setAttribute('aria-invalid', String(note !== ''));
        notes.push(note);
      }
      const said = words(own.sides, asked, answer(model.places[own.place], asked));
      panel.querySelector('.what-if-notes').textContent = notes.join('').trim();
      panel.querySelector('.what-if-sentence').textContent = said.sentence;
      panel.querySelectorAll('dd').forEach((cell, row) => { cell.textContent = said.rows[row]; });
    };
    const start = () => {
      const own = point();
      for (const [name, field] of Object.entries(fields)) {
        field.value = field.type === 'number' ? shown(own.case[name]) : own.case[name];
      }
      show();
    };
    form.addEventListener('input', (event) => event.target === chosen ? start() : show());
    form.addEventListener('reset', (event) => { event.preventDefault(); start(); });
    form.hidden = false;
    start();
  };

  document.querySelectorAll('.what-if').forEach(mount);
  return { answer, words, number };
})();
