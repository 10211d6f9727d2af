/* SPDX-License-Identifier: Apache-2.0 */
// The list of ports on the status page: follows what listens over the event stream while the page is
// visible, and lets people copy addresses. Inserts values as text only.
(function () {
	'use strict';
	var section = document.getElementById('ports');
	if (!section) {
		return;
	}
	var list = document.getElementById('ports-list');
	var note = document.getElementById('ports-note');
	var news = document.getElementById('ports-news');
	var stream = null;
	var failures = 0;

	function say(text) {
		news.textContent = text;
	}

	function select(link) {
		var range = document.createRange();
		range.selectNodeContents(link);
		window.getSelection().removeAllRanges();
		window.getSelection().addRange(range);
	}

	function copy(link, button, port) {
		if (!navigator.clipboard) {
			select(link);
			return;
		}
		navigator.clipboard.writeText(link.href).then(function () {
			button.textContent = 'Copied';
			say('Copied the address of port ' + port);
			window.setTimeout(function () {
				button.textContent = 'Copy';
			}, 2000);
		}).catch(function () {
			select(link);
		});
	}

	function addButton(item) {
		var button = document.createElement('button');
		var port = item.dataset.port;
		button.type = 'button';
		button.className = 'quiet';
		button.textContent = 'Copy';
		button.setAttribute('aria-label', 'Copy the address of port ' + port);
		button.addEventListener('click', function () {
			copy(item.querySelector('a'), button, port);
		});
		item.appendChild(button);
	}

	function itemOf(port) {
		var item = document.createElement('li');
		var link = document.createElement('a');
		var who = document.createElement('span');
		item.dataset.port = String(port.number);
		link.href = port.url;
		link.textContent = link.host;
		who.className = 'when';
		who.textContent = section.dataset.audience;
		item.appendChild(link);
		item.appendChild(document.createTextNode(' '));
		item.appendChild(who);
		addButton(item);
		return item;
	}

	function items() {
		return Array.prototype.slice.call(list.children);
	}

	// Focus does not get lost with what is removed.
	function remove(item) {
		var hadFocus = item.contains(document.activeElement);
		list.removeChild(item);
		if (hadFocus) {
			document.getElementById('ports-title').focus();
		}
	}

	function place(port, after) {
		var next = after ? after.nextSibling : list.firstChild;
		while (next && next.nodeType !== 1) {
			next = next.nextSibling;
		}
		if (next && next.dataset.port === String(port.number)) {
			return next;
		}
		return list.insertBefore(itemOf(port), next);
	}

	function noteOf(ports, count) {
		if (ports.problem) {
			return ports.problem;
		}
		if (ports.more > 0) {
			return 'And ' + ports.more + ' more.';
		}
		return count > 0 ? '' : 'No server listens on a port that has an address.';
	}

	function announce(before, after, problem) {
		if (problem) {
			say(problem);
			return;
		}
		var came = after.filter(function (port) {
			return before.indexOf(port) < 0;
		});
		var went = before.filter(function (port) {
			return after.indexOf(port) < 0;
		});
		var words = [];
		if (came.length > 0) {
			words.push('A server listens on port ' + came.join(', '));
		}
		if (went.length > 0) {
			words.push('No server listens on port ' + went.join(', ') + ' any more');
		}
		if (words.length > 0) {
			say(words.join('. ') + '.');
		}
	}

	function show(ports) {
		var open = ports.listening || [];
		var before = items().map(function (item) {
			return item.dataset.port;
		});
		var after = open.map(function (port) {
			return String(port.number);
		});
		var last = null;
		items().forEach(function (item) {
			if (after.indexOf(item.dataset.port) < 0) {
				remove(item);
			}
		});
		open.forEach(function (port) {
			last = place(port, last);
		});
		list.hidden = open.length === 0;
		note.textContent = noteOf(ports, open.length);
		note.hidden = note.textContent === '';
		announce(before, after, ports.problem);
	}

	function onState(event) {
		var state = null;
		try {
			state = JSON.parse(event.data);
		} catch (error) {
			return;
		}
		failures = 0;
		if (state && state.ports) {
			show(state.ports);
		}
	}

	function close() {
		if (stream) {
			stream.close();
			stream = null;
		}
	}

	function open() {
		if (!window.EventSource || stream) {
			return;
		}
		stream = new window.EventSource(section.dataset.address);
		stream.onmessage = onState;
		stream.onerror = function () {
			failures += 1;
			if (stream && (stream.readyState === 2 || failures > 5)) {
				close();
				note.textContent = 'The ports are no longer followed. Reload the page to go on.';
				note.hidden = false;
			}
		};
	}

	// Browsers open few connections to a host: hidden pages leave theirs to others.
	document.addEventListener('visibilitychange', function () {
		if (document.hidden) {
			close();
		} else {
			failures = 0;
			open();
		}
	});

	items().forEach(addButton);
	if (!document.hidden) {
		open();
	}
})();
