/* SPDX-License-Identifier: Apache-2.0 */
// The form that shares a port: opens in the row of that port, is sent without leaving the page, and shows
// what is wrong. The list itself follows the event stream (ports.js).
(function () {
	'use strict';
	var menu = document.getElementById('share');
	if (!menu || !window.fetch || !window.URLSearchParams) {
		return;
	}
	var section = document.getElementById('ports');
	var form = menu.querySelector('form');
	var cancel = document.getElementById('share-cancel');
	var problem = document.getElementById('share-problem');
	var field = document.getElementById('share-port-field');
	var news = document.getElementById('ports-news');
	var opener = null;

	function complain(text) {
		problem.textContent = text;
		problem.hidden = text === '';
	}

	function close() {
		menu.open = false;
		field.hidden = false;
		cancel.hidden = true;
		section.appendChild(menu);
		if (opener) {
			opener.setAttribute('aria-expanded', 'false');
			(section.contains(opener) ? opener : document.getElementById('ports-title')).focus();
		}
		opener = null;
	}

	function choose(audience, names) {
		var choice = form.querySelector('input[name="audience"][value="' + audience + '"]') ||
			form.querySelector('input[name="audience"]');
		choice.checked = true;
		['users', 'group'].forEach(function (name) {
			if (form.elements[name]) {
				form.elements[name].value = choice.value === name ? names : '';
			}
		});
		choice.focus();
	}

	function openAt(button) {
		var item = button.closest('li');
		if (opener === button) {
			close();
			return;
		}
		if (opener) {
			opener.setAttribute('aria-expanded', 'false');
		}
		opener = button;
		button.setAttribute('aria-expanded', 'true');
		item.appendChild(menu);
		menu.open = true;
		field.hidden = true;
		cancel.hidden = false;
		form.elements.port.value = item.dataset.port;
		form.elements.seconds.value = '';
		complain('');
		choose(item.dataset.audience || 'owner', item.dataset.names || '');
	}

	function onAnswer(ok, answer) {
		if (!ok) {
			complain(answer.detail || answer.message || 'The port could not be shared.');
			return;
		}
		close();
		news.textContent = answer.audience === 'owner'
			? 'Port ' + answer.port + ' is no longer shared.'
			: 'Port ' + answer.port + ' is shared.';
	}

	section.addEventListener('click', function (event) {
		var button = event.target.closest('button[data-share]');
		if (button) {
			openAt(button);
		}
	});
	section.addEventListener('keydown', function (event) {
		if (event.key === 'Escape' && opener) {
			close();
		}
	});
	cancel.addEventListener('click', close);
	form.addEventListener('submit', function (event) {
		var button = form.querySelector('button');
		event.preventDefault();
		button.disabled = true;
		complain('');
		window.fetch(form.action, {
			method: 'POST',
			headers: {'Accept': 'application/json', 'Content-Type': 'application/x-www-form-urlencoded'},
			body: new window.URLSearchParams(new window.FormData(form)).toString()
		}).then(function (response) {
			return response.json().then(function (answer) {
				onAnswer(response.ok, answer);
			});
		}).catch(function () {
			complain('The workspace did not respond. Please try again.');
		}).then(function () {
			button.disabled = false;
		});
	});
})();
