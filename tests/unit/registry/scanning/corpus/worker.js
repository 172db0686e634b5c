'use strict';
const Anthropic = require('@anthropic-ai/sdk');
const anthropic = new Anthropic();

const REVIEW_INSTRUCTIONS = [
  // PROMPT system
  'You review pull requests.',
  'Name at most three problems, the worst first.',
  'If there are none, answer "fine".',
].join('\n');

module.exports.review = async (diff) =>
  anthropic.messages.create({
    model: 'claude-sonnet-4-5',
    system: REVIEW_INSTRUCTIONS,
    // PROMPT user diff
    messages: [{ role: 'user', content: 'Review the following code:\n' + diff }],
  });

// Nothing here says that this goes to a model.
// PROMPT user
const hint = 'Name three things that a new reader of this file would trip over.';
module.exports.hints = (file) => run(hint, file);

const welcome = 'Welcome back! You have new messages.';
const confirmDelete = window.confirm('You are about to delete the following conversation. Do you really want to?');
describe('You are a helpful assistant', () => it('should always answer the following question in JSON', run));
