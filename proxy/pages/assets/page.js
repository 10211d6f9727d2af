/* SPDX-License-Identifier: Apache-2.0 */
// The waiting page: follows clone and IDE over an event stream, falls back to polling, and opens
// the IDE when both are ready. Inserts values as text only.
(function () {
	'use strict';
	var root = document.getElementById('workspace');
	if (!root) {
		return;
	}
	var address = root.dataset.address;
	var place = root.dataset.place;
	var last = root.dataset.last;
	var goal = root.dataset.goal;
	var phases = ['connecting', 'receiving', 'resolving', 'lfs', 'checkout', 'ide'];
	var active = 'connecting';
	var leaving = false;
	var skipped = false;
	var stream = null;
	var timer = 0;
	var misses = 0;

	function at(id) {
		return document.getElementById(id);
	}

	function setText(id, text) {
		var node = at(id);
		if (node && node.textContent !== text) {
			node.textContent = text;
		}
	}

	function setHidden(id, hidden) {
		var node = at(id);
		if (node) {
			node.hidden = hidden;
		}
	}

	function count(value) {
		return Number(value || 0).toLocaleString('en');
	}

	function size(bytes) {
		var units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
		var value = Number(bytes || 0);
		var unit = 0;
		while (value >= 1024 && unit < units.length - 1) {
			value /= 1024;
			unit += 1;
		}
		return value.toFixed(unit === 0 ? 0 : 1) + ' ' + units[unit];
	}

	function ratio(done, total, unit) {
		return total > 0 ? count(done) + ' of ' + count(total) + ' ' + unit : '';
	}

	function figures(clone) {
		return {
			connecting: clone.notes.indexOf('waits') >= 0 ? 'waiting for a writable directory' : '',
			receiving: ratio(clone.objects_done, clone.objects_total, 'objects'),
			resolving: ratio(clone.deltas_done, clone.deltas_total, 'deltas'),
			lfs: clone.phase === 'lfs' && clone.lfs.objects_total === 0 ?
				ratio(clone.files_done, clone.files_total, 'files searched') :
				ratio(clone.lfs.objects_done, clone.lfs.objects_total, 'files'),
			checkout: ratio(clone.files_done, clone.files_total, 'files')
		};
	}

	function rate(clone) {
		var text = clone.bytes > 0 ? size(clone.bytes) : '';
		if ((clone.phase === 'receiving' || clone.phase === 'lfs') && clone.bytes_per_s > 0) {
			text += ' · ' + size(clone.bytes_per_s) + '/s';
		}
		if (clone.left_s > 0) {
			text += (text ? ' · ' : '') + (clone.left_s < 60 ? clone.left_s + ' s' :
				Math.ceil(clone.left_s / 60) + ' min') + ' left';
		}
		return text;
	}

	function amount(clone, failed, known) {
		if (failed) {
			return 'Stopped';
		}
		if (known) {
			return clone.percent + '%';
		}
		if (active !== 'ide') {
			return 'Getting ready';
		}
		return goal === 'your IDE' && at('known').hidden ? 'Almost there' : 'Waiting';
	}

	function stateOf(index, current, failed) {
		if (index < current) {
			return 'done';
		}
		if (index > current) {
			return 'next';
		}
		return failed ? 'failed' : 'active';
	}

	var words = {done: 'done', active: 'in progress', failed: 'failed', next: 'not started'};

	function showSteps(clone, failed) {
		var current = phases.indexOf(active);
		var texts = figures(clone);
		phases.forEach(function (name, index) {
			var step = at('step-' + name);
			var state = stateOf(index, current, failed);
			if (!step) {
				return;
			}
			step.dataset.state = state;
			if (state === 'active') {
				step.setAttribute('aria-current', 'step');
			} else {
				step.removeAttribute('aria-current');
			}
			setText('word-' + name, ', ' + words[state]);
			setText('figures-' + name, texts[name] || '');
		});
	}

	function showBar(clone, failed) {
		var bar = at('bar');
		var known = active !== 'ide' && clone.phase !== 'waiting' && clone.percent > 0;
		if (known || failed) {
			bar.value = clone.percent;
		} else {
			bar.removeAttribute('value');
		}
		setText('amount', amount(clone, failed, known));
		setText('rate', rate(clone));
		document.title = (known && !failed ? clone.percent + '% · ' : '') +
			(failed ? 'Clone failed' : (active === 'ide' ? last : 'Starting')) + ' · ' + place;
	}

	// A failed clone no longer has a phase; its counters tell how far it got.
	function failedPhase(clone) {
		if (clone.files_done > 0) {
			return 'checkout';
		}
		if (clone.lfs.objects_total > 0) {
			return 'lfs';
		}
		if (clone.deltas_done > 0) {
			return 'resolving';
		}
		return clone.objects_done > 0 ? 'receiving' : 'connecting';
	}

	function phaseOf(clone) {
		if (clone.phase === 'failed' && !skipped) {
			return failedPhase(clone);
		}
		if (skipped || clone.phase === 'off' || clone.phase === 'done') {
			return 'ide';
		}
		if (clone.phase === 'waiting') {
			return 'connecting';
		}
		return phases.indexOf(clone.phase) >= 0 ? clone.phase : active;
	}

	function nowText() {
		var step = at('name-' + active);
		return step ? step.textContent : last;
	}

	function showReason(ide) {
		var reason = ide && !ide.ready ? ide.reason : null;
		setHidden('known', !reason);
		if (reason) {
			setText('known-message', reason.message);
			setText('known-hint', reason.hint);
			setText('known-code', reason.line || '');
			setHidden('known-line', !reason.line);
		}
	}

	function show(state) {
		var clone = state.clone;
		var failed = clone.phase === 'failed' && !skipped;
		active = phaseOf(clone);
		setHidden('lost', true);
		setHidden('progress', failed && !at('steps'));
		setHidden('trouble', !failed);
		setHidden('retry', !clone.can_retry);
		setText('now', failed ? 'Stopped' : nowText());
		setText('reason', failed ? clone.message : '');
		setText('title', failed ? 'The repository could not be cloned' :
			(active === 'ide' ? last : 'Preparing your workspace'));
		setHidden('lead', failed);
		setHidden('step-lfs', !(clone.lfs.objects_total > 0 || clone.phase === 'lfs'));
		showSteps(clone, failed);
		showReason(state.ide);
		showBar(clone, failed);
		if (active === 'ide' && (state.port || state.ide).ready) {
			leave();
		}
	}

	// At most one reload per second, in case the waiting page comes back.
	function leave() {
		if (!leaving) {
			leaving = true;
			if (stream) {
				stream.close();
			}
			window.clearTimeout(timer);
			setText('now', 'Opening ' + goal);
			setText('amount', 'Opening ' + goal);
			window.setTimeout(function () {
				window.location.reload();
			}, Math.max(0, 1000 - window.performance.now()));
		}
	}

	function receive(text) {
		var state = null;
		try {
			state = JSON.parse(text);
		} catch (error) {
			return;
		}
		if (state && state.clone && (state.port || state.ide) && !leaving) {
			misses = 0;
			show(state);
		}
	}

	// 401 and 403: the session ended. A reload leads to the login or shows why not.
	function onAnswer(response) {
		if (response.status === 401 || response.status === 403) {
			leave();
			return '';
		}
		return response.ok ? response.text() : Promise.reject(new Error('no answer'));
	}

	function onMiss() {
		misses += 1;
		setHidden('lost', misses < 3);
	}

	function poll() {
		window.fetch(address, {
			headers: {Accept: 'application/json'},
			credentials: 'same-origin',
			cache: 'no-store'
		}).then(onAnswer).then(receive).catch(onMiss).then(function () {
			if (!leaving) {
				timer = window.setTimeout(poll, misses > 3 ? 5000 : 1500);
			}
		});
	}

	function follow() {
		var failures = 0;
		if (!window.EventSource) {
			poll();
			return;
		}
		stream = new window.EventSource(address);
		stream.onmessage = function (event) {
			failures = 0;
			receive(event.data);
		};
		stream.onerror = function () {
			failures += 1;
			if (stream.readyState === 2 || failures > 2) {
				stream.close();
				poll();
			}
		};
	}

	function setBusy(busy) {
		at('retry').disabled = busy;
		at('continue').disabled = busy;
	}

	at('act').addEventListener('submit', function (event) {
		var action = event.submitter ? event.submitter.value : 'retry';
		event.preventDefault();
		setBusy(true);
		window.fetch(address, {
			method: 'POST',
			headers: {
				'Content-Type': 'application/x-www-form-urlencoded',
				Accept: 'application/json'
			},
			credentials: 'same-origin',
			body: 'action=' + action
		}).then(onAnswer).then(function (text) {
			skipped = action === 'continue';
			receive(text);
		}).catch(onMiss).then(function () {
			setBusy(false);
		});
	});

	window.addEventListener('pageshow', function (event) {
		if (event.persisted) {
			window.location.reload();
		}
	});

	follow();
})();
