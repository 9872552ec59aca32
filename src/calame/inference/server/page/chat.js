chat.js
