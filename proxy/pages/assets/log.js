/* SPDX-License-Identifier: Apache-2.0 */
// The log section: follows the log over an event stream while the page is visible, and inserts its
// lines as text only. Escapes of terminals are gone already; what changes the reading direction is
// removed here once more.
(function () {
	'use strict';
	var section = document.getElementById('log');
	if (!section || !window.EventSource) {
		return;
	}
	var address = section.dataset.address;
	var box = document.getElementById('log-lines');
	var pause = document.getElementById('log-pause');
	var copy = document.getElementById('log-copy');
	var note = document.getElementById('log-state');
	var news = document.getElementById('log-news');
	var kept = 500;
	// For operators, who have them in the download; the file is shown as the source.
	var tracing = ['file', 'request_id', 'peer', 'client', 'flow'];
	var held = [];
	var paused = false;
	var stream = null;
	var failures = 0;
	var announced = 0;
	var unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

	function clean(value) {
		return String(value).replace(/\t/g, '    ').replace(unsafe, '');
	}

	function details(fields) {
		return Object.keys(fields || {}).filter(function (name) {
			return tracing.indexOf(name) < 0;
		}).map(function (name) {
			return clean(name) + '=' + clean(fields[name]);
		}).join(' ');
	}

	function add(line, name, text) {
		var part = document.createElement('span');
		part.className = name;
		part.textContent = text;
		line.appendChild(part);
		line.appendChild(document.createTextNode(' '));
	}

	function lineOf(record) {
		var line = document.createElement('div');
		var more = details(record.fields);
		line.dataset.level = record.level;
		add(line, 'time', String(record.time).slice(11, 19));
		add(line, 'level', clean(record.level));
		add(line, 'source', record.fields && record.fields.file ? clean(record.fields.file) : clean(record.source));
		add(line, 'text', clean(record.message));
		if (more) {
			add(line, 'more', more);
		}
		return line;
	}

	// Not each line of a log that scrolls by, but what went wrong, and not too often.
	function announce(record) {
		var now = Date.now();
		if (record.level === 'error' && now - announced > 5000) {
			announced = now;
			news.textContent = 'Error in the log: ' + clean(record.message);
		}
	}

	function isAtEnd() {
		return box.scrollHeight - box.scrollTop - box.clientHeight < 40;
	}

	function show(records) {
		var follows = isAtEnd();
		var lines = document.createDocumentFragment();
		records.forEach(function (record) {
			lines.appendChild(lineOf(record));
		});
		box.appendChild(lines);
		while (box.childNodes.length > kept) {
			box.removeChild(box.firstChild);
		}
		box.hidden = false;
		note.hidden = true;
		if (follows) {
			box.scrollTop = box.scrollHeight;
		}
	}

	function setNote(text) {
		note.textContent = text;
		note.hidden = text === '';
	}

	function setPaused(value) {
		paused = value;
		if (!paused) {
			show(held.splice(0));
			box.scrollTop = box.scrollHeight;
		}
		pause.textContent = paused ? 'Follow' : 'Pause';
	}

	function onRecord(event) {
		var record = null;
		try {
			record = JSON.parse(event.data);
		} catch (error) {
			return;
		}
		failures = 0;
		announce(record);
		if (!paused) {
			show([record]);
			return;
		}
		held.push(record);
		if (held.length > kept) {
			held.shift();
		}
		pause.textContent = 'Follow (' + held.length + ' new)';
	}

	// The last lines come again after each connect.
	function onBegin() {
		held = [];
		if (!paused) {
			box.textContent = '';
			box.hidden = true;
			setNote('Nothing has been logged yet.');
		}
	}

	function close() {
		if (stream) {
			stream.close();
			stream = null;
		}
	}

	function open() {
		close();
		stream = new window.EventSource(address + '?level=info');
		stream.addEventListener('begin', onBegin);
		stream.onmessage = onRecord;
		stream.onerror = function () {
			failures += 1;
			if (stream && (stream.readyState === 2 || failures > 5)) {
				close();
				setNote(box.hidden ?
					'The log is not available at the moment. Reload the page to try again.' :
					'The log is no longer updated. Reload the page to continue.');
			}
		};
	}

	function text() {
		return Array.prototype.map.call(box.childNodes, function (line) {
			return line.textContent.trim();
		}).join('\n') + '\n';
	}

	function say(button, words) {
		var before = 'Copy';
		button.textContent = words;
		news.textContent = words;
		window.setTimeout(function () {
			button.textContent = before;
		}, 2000);
	}

	function select() {
		var range = document.createRange();
		range.selectNodeContents(box);
		window.getSelection().removeAllRanges();
		window.getSelection().addRange(range);
	}

	copy.addEventListener('click', function () {
		if (!navigator.clipboard) {
			select();
			return;
		}
		navigator.clipboard.writeText(text()).then(function () {
			say(copy, 'Copied');
		}).catch(select);
	});

	pause.addEventListener('click', function () {
		setPaused(!paused);
	});

	// Browsers open few connections to a host: hidden pages leave theirs to others.
	document.addEventListener('visibilitychange', function () {
		if (document.hidden) {
			close();
		} else if (!stream) {
			failures = 0;
			open();
		}
	});

	document.getElementById('log-tools').hidden = false;
	setNote('Connecting to the log…');
	if (!document.hidden) {
		open();
	}
})();
