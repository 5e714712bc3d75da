"""What is read out of public text: words and sentences, markers, and the signals that follow from them. Pure, no model, no network."""
